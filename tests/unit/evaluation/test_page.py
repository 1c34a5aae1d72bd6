import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from fakes.tiny_outcomes import drawn, outcomes
from headgate.evaluation.breakdown import MOST_ROWS
from headgate.evaluation.page import html_page
from headgate.evaluation.report import Subject, build_report
from headgate.types import CertificateSummary, GuaranteeState

SUBJECT = Subject("logs", "rev-1", 0.05, 0.05, recorded=False, priced=True)
CERTIFICATE = CertificateSummary(
    id="c-1",
    kind="agree",
    mode="stream",
    epsilon=0.05,
    delta=0.05,
    certified=True,
    n=500,
    bad=16,
    p_value=0.03,
    automation=0.7,
    labels_needed=0,
    issued="2026-11-27T10:00:00Z",
    state=GuaranteeState.CERTIFIED,
)
BAD = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"
EMPTY = {"meta", "path", "img", "br"}


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


def written(rows, certificate=CERTIFICATE, **changes):
    return html_page(build_report(rows, replace(SUBJECT, **changes), certificate=certificate))


def poisoned():
    """Rows whose labels, slices and groups are all made to break out of a page."""
    labels = [f"{BAD}{place % 3}" for place in range(30)]
    return outcomes(
        np.linspace(0, 1, 30), labels, labels[::-1], labels, slices={BAD: tuple(labels)}
    )


def test_a_page_is_whole():
    page = Page(written(drawn(200)))

    assert page.open == page.crossed == []
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids)) > 0


def test_a_page_needs_nothing_from_elsewhere():
    text = written(drawn(200))

    assert not Page(text).tags() & {"script", "link", "iframe", "object", "img", "base", "form"}
    assert not re.search(r"https?:|//|url\(|@import|javascript:", text)
    for _, attributes in Page(text).elements:
        assert not set(attributes) & {"src", "href", "srcset", "action"}
        assert not any(name.startswith("on") for name in attributes)


def test_a_page_forbids_scripts_and_everything_from_elsewhere():
    metas = [found for tag, found in Page(written(drawn(20))).elements if tag == "meta"]

    assert {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    } in metas


def test_texts_from_data_cannot_become_elements():
    certificate = replace(CERTIFICATE, id=BAD, kind=BAD, mode=BAD, issued=BAD, problem=BAD)

    text = written(poisoned(), certificate, name=BAD, revision=BAD)
    page = Page(text)

    assert not page.tags() & {"script", "img"}
    assert page.open == page.crossed == []
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    assert page.text().count("alert('1')") > 10


def test_a_page_shows_no_row():
    assert "row-" not in written(drawn(60))


def test_the_page_opens_with_what_is_saved_and_given_up():
    report = build_report(drawn(200), SUBJECT, certificate=None)

    assert report.headline in Page(html_page(report)).texts


@pytest.mark.parametrize("state", list(GuaranteeState))
def test_the_state_of_the_certificate_is_said_in_words(state):
    text = written(drawn(30), replace(CERTIFICATE, state=state))

    assert f'<span class="badge">{state.value}</span>' in text
    assert f"var(--{state.value})" in text
    assert f"--{state.value}:" in text


def test_a_cascade_without_a_certificate_says_so():
    text = Page(written(drawn(30), None)).text()

    assert "nothing is guaranteed" in text
    assert "What the certificate assumes" not in text


def test_every_policy_class_and_slice_is_listed():
    text = Page(written(drawn(200))).text()

    for name in ("This cascade", "Oracle", "Conformal risk control", "Large model alone"):
        assert name in text
    for name in ("error", "info", "warning", "Per system", "router", "switch"):
        assert name in text


def test_costs_are_left_out_where_no_price_is_known():
    with_price, without = written(drawn(100)), written(drawn(100), priced=False)

    assert "Accuracy against cost" in with_price
    assert "Cost per 1,000" in with_price
    assert "$" not in without
    assert "No price is known" in without


def test_scores_that_are_no_shares_are_not_called_confidence():
    margins = replace(drawn(100), scores=drawn(100).scores * 9)

    assert "Does the confidence mean what it says?" in written(drawn(100))
    assert "Does the confidence mean what it says?" not in written(margins)


def test_classes_beyond_the_table_are_counted():
    labels = [f"label {place}" for place in range(MOST_ROWS + 7)]

    text = written(outcomes(range(len(labels)), labels, labels, labels))

    assert "7 labels with fewer rows are not listed." in text


def test_every_table_has_headings_for_columns_and_rows():
    page = Page(written(drawn(100)))

    tables = sum(tag == "table" for tag, _ in page.elements)
    scopes = [found.get("scope") for tag, found in page.elements if tag == "th"]
    assert tables == 4
    assert None not in scopes
    assert page.tags() >= {"caption", "thead", "tbody"}


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "sent"])
@pytest.mark.parametrize("answers", ["aaa", "aba", "abc"])
def test_one_row_makes_a_page(answers, kept):
    gold, small, large = answers
    rows = outcomes([0.5], gold, small, large, kept=np.array([kept]))

    page = Page(written(rows))

    assert page.open == page.crossed == []
    assert "evaluated on 1 row" in page.text()
    assert "nan" not in page.text()
