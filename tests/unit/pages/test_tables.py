from headgate.pages.tables import table


def test_each_row_begins_with_its_heading():
    drawn = table("Sums", ["", "n"], [["a", "1"], ["b", "2"]])

    assert '<th scope="row">a</th><td>1</td>' in drawn
    assert drawn.count('scope="col"') == 2
    assert "<caption>Sums</caption>" in drawn


def test_rows_and_columns_of_text_can_stand_out():
    drawn = table("t", ["", "n"], [["a", "1"], ["b", "2"]], [False, True], text_columns=(1,))

    assert '<tr class=here><th scope="row">b</th><td class="text">2</td>' in drawn
    assert '<tr><th scope="row">a</th>' in drawn


def test_captions_and_headings_are_escaped_and_cells_are_not():
    drawn = table("<i>", ["<b>", "x"], [["<em>a</em>", "1"]])

    assert "<i>" not in drawn
    assert "<b>" not in drawn
    assert "<em>a</em>" in drawn
