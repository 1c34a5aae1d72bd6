import re

from headgate.pages.document import document, facts, header, note, notes, section, tile

BAD = "<script>alert('1')</script>"


def page(*sections):
    return document("A title", sections, footer="By nobody.", style=".own{color:red}")


def test_a_page_forbids_scripts_and_everything_from_elsewhere():
    assert (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">" in page()
    )
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", page())


def test_sections_stand_in_order_between_title_and_footer():
    found = page("<p>one</p>", "<p>two</p>")

    places = [found.index(part) for part in ("<title>A title", "<p>one", "<p>two", "By nobody.")]
    assert places == sorted(places)


def test_a_page_may_have_rules_of_its_own():
    assert ".own{color:red}</style>" in page()


def test_every_text_is_escaped():
    parts = [
        document(BAD, (), footer=BAD),
        header(BAD, BAD, [tile(BAD, BAD, BAD)]),
        section(BAD, sub=BAD),
        facts({BAD: BAD}),
        notes([BAD]),
        note(BAD),
    ]

    assert not any("<script" in part for part in parts)
    assert all("&lt;script" in part for part in parts)


def test_parts_of_a_section_follow_its_heading():
    assert section("H", "<p>a</p>", "<p>b</p>", sub="S") == (
        '<section><h2>H</h2><p class="sub">S</p><p>a</p><p>b</p></section>'
    )
    assert section("H") == "<section><h2>H</h2></section>"
