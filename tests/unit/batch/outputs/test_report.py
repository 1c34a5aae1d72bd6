import re
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from fakes.batch_outputs import CERTIFICATE, lines, receipt_of
from headgate.batch.outputs.receipt import InputCount, Program, RowCounts
from headgate.batch.outputs.report import report_page
from headgate.batch.outputs.report_tables import MOST_ROWS
from headgate.batch.outputs.summary import UnitSummary
from headgate.types import GuaranteeState

BAD = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"
EMPTY = {"meta", "path", "img", "br"}
TEXTS = {"t-i": "all is well at <*>", "t-e": "disk <*> failed", "t-f": "kernel panic"}


class Page(HTMLParser):
    """A page that was read: its elements, texts and whether each element is closed."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open, self.crossed = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def tags(self):
        return {tag for tag, _ in self.elements}

    def text(self):
        return " ".join(self.texts)


def names(answers):
    short = {"i": "info", "e": "error", "f": "fatal"}
    return [short[answer] for answer in answers]


def summary_of(answers="iiiiiiieef", **columns):
    templates = [f"t-{answer}" for answer in answers]
    return UnitSummary.from_table(lines(names(answers), **({"template_id": templates} | columns)))


def timed(answers="iiiiiiieef"):
    times = pa.array([1_700_000_000_000 + 60_000 * n for n in range(len(answers))])
    return summary_of(answers, timestamp=times.cast(pa.timestamp("ms", "UTC")))


def written(summary, texts=TEXTS, normal="", **changes):
    return report_page(receipt_of(summary, **changes), summary, texts, normal=normal)


def headings(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


@pytest.mark.parametrize("summary", [timed(), summary_of(), summary_of("i"), UnitSummary()])
def test_a_page_is_whole(summary):
    page = Page(written(summary))

    assert page.open == page.crossed == []
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    assert "nan" not in page.text()


def test_a_page_needs_nothing_from_elsewhere():
    text = written(timed())

    assert not Page(text).tags() & {"script", "link", "iframe", "object", "img", "base", "form"}
    assert not re.search(r"https?:|//|url\(|@import|javascript:", text)
    assert "default-src 'none'" in text
    for _, attributes in Page(text).elements:
        assert not set(attributes) & {"src", "href", "srcset", "action"}
        assert not any(name.startswith("on") for name in attributes)


def test_texts_from_data_cannot_become_elements():
    summary = UnitSummary.from_table(
        lines(
            [BAD, BAD, "info"],
            template_id=[BAD, "t", "t"],
            tier=[BAD, "small", "large"],
            degraded=[BAD, "", ""],
            file=[BAD] * 3,
            timestamp=pa.array([0, 1, 2], pa.timestamp("s")),
        )
    )

    text = written(
        summary,
        {"t": BAD},
        normal="info",
        program=Program(BAD, BAD, BAD, BAD, {BAD: BAD}),
        certificate=replace(CERTIFICATE, id=BAD, kind=BAD, mode=BAD, issued=BAD, problem=BAD),
        dead_letters={BAD: 1},
        inputs=[InputCount(BAD, 1, 1, BAD)],
        batch_statement=BAD,
    )

    page = Page(text)
    assert not page.tags() & {"script", "img"}
    assert page.open == page.crossed == []
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    assert page.text().count("alert('1')") > 20


def test_what_cannot_be_seen_in_a_template_is_shown():
    text = written(timed(), {"t-e": "\x1b[31mred\u202e", "t-i": "a", "t-f": "b"})

    assert "\\u001b[31mred\\u202e" in text
    assert not set(text) & set("\x1b\u202e")


def test_the_page_opens_with_the_anomalies_and_their_price():
    assert (
        "30.0% of the lines are not info, found with 4 calls of the large model for $0.250."
        in Page(written(timed())).texts
    )


@pytest.mark.parametrize(
    ("summary", "normal", "said"),
    [
        pytest.param(summary_of("iii"), "", "All lines are info", id="nothing-unusual"),
        pytest.param(summary_of("ief"), "fatal", "66.7% of the lines are not fatal", id="named"),
        pytest.param(summary_of("ii"), "error", "100.0% of the lines are not error", id="all"),
        pytest.param(UnitSummary(), "", "There were no lines to answer.", id="nothing"),
    ],
)
def test_the_headline_says_what_is_unusual(summary, normal, said):
    assert said in Page(written(summary, normal=normal)).text()


def test_no_call_is_said_as_well():
    quiet = receipt_of(summary_of())
    free = replace(quiet.large_model, usage=replace(quiet.large_model.usage, calls=0))

    assert "found without a call of the large model" in written(summary_of(), large_model=free)


def test_anomalies_are_drawn_over_time():
    found = Page(written(timed()))

    assert "Lines that are not info, over time" in found.texts
    assert "All lines over time" in found.texts


def test_anomalies_are_drawn_along_the_input_where_no_times_are_known():
    found = Page(written(summary_of()))

    assert "Share of lines that are not info, along the input" in found.texts
    assert "All lines over time" not in found.texts


def test_rows_without_a_time_are_counted_below_the_chart():
    times = pa.array([1_700_000_000, None, None], pa.timestamp("s"))

    found = Page(written(summary_of("ief", timestamp=times))).text()

    assert "Not drawn: 2 lines without a time" in found


def test_templates_are_listed_by_what_is_behind_anomalies_by_number_and_by_rarity():
    page = written(timed())

    assert [name for name in headings(page) if "emplates" in name] == [
        "Templates behind them",
        "Top templates",
        "Rare templates",
    ]
    parts = page.split("<h2>")
    order = {part.split("<")[0]: re.findall(r"<small>(t-.)</small>", part) for part in parts}
    assert order["Templates behind them"] == ["t-e", "t-f"]
    assert order["Top templates"] == ["t-i", "t-e", "t-f"]
    assert order["Rare templates"] == ["t-f", "t-e", "t-i"]


def test_a_template_is_shown_with_its_text_and_its_first_place():
    page = Page(written(timed()))

    assert "disk <*> failed" in page.texts
    assert "a.log:8" in page.texts


def test_a_template_without_a_text_is_shown_by_its_id():
    assert Page(written(timed(), {})).texts.count("t-e") > 2


def test_records_have_no_templates():
    table = pa.table({"file": ["x"], "row": [1], "answer": ["match"], "tier": ["small"]})
    summary = UnitSummary.from_table(table)

    page = written(summary, {}, unit="record", templates=None)

    assert not [name for name in headings(page) if "emplate" in name]
    assert "1 record in 1 file" in Page(page).text()


def test_answers_that_are_not_told_apart_have_neither_chart_nor_table():
    summary = replace(timed(), many_answers=True)

    found = headings(written(summary, rows=RowCounts.of(summary)))

    assert "Answers" not in found
    assert not any(name.startswith("Where") for name in found)


def test_long_tables_say_what_is_missing():
    files = [InputCount(f"{n}.log", n, 1, "f") for n in range(MOST_ROWS + 2)]

    assert "2 more smaller files are not listed." in written(summary_of(), inputs=files)


def test_dead_letters_and_reasons_are_listed():
    page = Page(written(summary_of(degraded=["BUDGET"] + [""] * 9)))

    assert {"BUDGET", "HEADER_MISMATCH"} <= set(page.texts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"certificate": None}, "nothing is guaranteed", id="none"),
        pytest.param({"batch_statement": "Two are wrong."}, "Two are wrong.", id="batch"),
        pytest.param(
            {"certificate": None, "batch_statement": "Two are wrong."}, "Two are wrong.", id="only"
        ),
        pytest.param(
            {"certificate": replace(CERTIFICATE, state=GuaranteeState.VOID)},
            "do not rely on it",
            id="void",
        ),
    ],
)
def test_the_page_says_what_is_guaranteed(changes, said):
    assert said in Page(written(timed(), **changes)).text()


def test_every_table_has_headings_for_columns_and_rows():
    page = Page(written(timed()))

    scopes = [found.get("scope") for tag, found in page.elements if tag == "th"]
    assert None not in scopes
    assert page.tags() >= {"caption", "thead", "tbody"}
