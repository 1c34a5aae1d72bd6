"""The tables of a report as HTML.

Report  ->  <table> of policies, figures of the score, classes, slices; every text escaped
"""

from __future__ import annotations

from html import escape

from headgate.evaluation.breakdown import ClassRow, SliceTable
from headgate.evaluation.plots import POLICY_NAMES
from headgate.evaluation.policies import Policy
from headgate.evaluation.rates import Rate
from headgate.evaluation.report import Areas, Report
from headgate.evaluation.wording import interval
from headgate.pages.amounts import DASH, dollars, percent
from headgate.pages.document import note
from headgate.pages.tables import table

_POLICY_NOTES = {
    "random": "whichever rows come",
    "cascade": "as deployed",
    "exact": "certified on other rows",
    "empirical": "no margin: passes its limit in half of all draws",
    "clt": "trusts rows without a loss too much",
    "crc": "keeps its limit on average only",
    "parity": "as accurate as the large model on other rows",
    "oracle": "sends just the rows that gain; out of reach",
}


def policy_table(report: Report) -> str:
    """Return the cascade among its baselines; columns of costs only when there is a price."""
    columns = ["", "Accuracy", "Sent to large model"]
    if report.subject.priced:
        columns += ["Cost per 1,000", "Cost per 1,000 right", "Cost saved"]
    columns += ["Kept, differs from large", "Kept, wrong where large is right"]
    rows = [_policy_row(policy, priced=report.subject.priced) for policy in report.policies]
    highlighted = [policy.name == "cascade" for policy in report.policies]
    return table("Policies on the same rows", columns, rows, highlighted)


def _policy_row(policy: Policy, *, priced: bool) -> list[str]:
    note, per_success = _POLICY_NOTES.get(policy.name), policy.cost_usd_per_success
    name = escape(POLICY_NAMES[policy.name])
    cells = [
        f"{name}<small>{escape(note)}</small>" if note else name,
        _rate(policy.accuracy),
        percent(policy.large_share.value),
    ]
    if priced:
        cells += [
            dollars(policy.cost_usd_per_1000),
            dollars(None if per_success is None else 1000 * per_success),
            percent(policy.saved),
        ]
    return [*cells, _rate(policy.disagree), _rate(policy.regret)]


def score_table(report: Report) -> str:
    """Return the single figures of the score's curve, each with what it means."""
    rows = _ordering_rows(report.areas)
    if report.subject.priced:
        rows += _money_rows(report.areas)
    return table("Figures of the score", ["", "Value", "Meaning"], rows, text_columns=(2,))


def _ordering_rows(areas: Areas) -> list[list[str]]:
    """Return the figures that know only calls; names and meanings are ours and need no escape."""
    average = (
        "part of the gap to the large model that is recovered, averaged over all shares of calls; "
        f"random rows 0.5, oracle {_number(areas.oracle_apgr)}"
    )
    return [
        ["APGR", _number(areas.apgr), average],
        *([f"CPT {part}", percent(share), _closes(part)] for part, share in areas.cpt.items()),
        [
            "CPT, a point less",
            percent(areas.share_within_a_point),
            "calls that come within a point of sending every row",
        ],
    ]


def _closes(part: str) -> str:
    return "calls that close the gap" if part == "parity" else f"calls that close {part} of it"


def _money_rows(areas: Areas) -> list[list[str]]:
    """Return the figures that know prices."""
    error = "mean share of errors over the costs up to the large model's; lower is better"
    benefit = "accuracy bought by a dollar, beyond what the large model gives for it; 0 is the same"
    savings = "part of the large model's cost that the parity threshold does not spend"
    return [
        ["AIQ", _number(areas.aiq), "mean accuracy over the range of costs, at best mixtures"],
        ["Area under cost and error", _number(areas.area_under_cost_error), error],
        ["\N{GREEK CAPITAL LETTER DELTA}IBC", _number(areas.delta_ibc), benefit],
        ["Savings at parity", percent(areas.savings_at_parity), savings],
    ]


def class_table(report: Report) -> str:
    """Return one row for each gold label."""
    columns = ["Label", "Rows", "Recall", "Precision", "Small alone", "Large alone", "Sent",
               "Kept, wrong where large is right"]  # fmt: skip
    rows = [_class_row(row) for row in report.classes]
    return table("Per class", columns, rows) + _left_out(report.classes_left_out, "labels")


def _class_row(row: ClassRow) -> list[str]:
    return [
        escape(row.label),
        f"{row.rows:,}",
        _rate(row.recall),
        _rate(row.precision),
        percent(row.small_accuracy),
        percent(row.large_accuracy),
        percent(row.large_share),
        _rate(row.regret),
    ]


def slice_table(found: SliceTable) -> str:
    """Return one row for each value of a slice."""
    columns = [found.name, "Rows", "Accuracy", "Small alone", "Large alone", "Sent",
               "Kept, differs from large", "Kept, wrong where large is right"]  # fmt: skip
    rows = [
        [
            escape(row.value),
            f"{row.rows:,}",
            _rate(row.accuracy),
            percent(row.small_accuracy),
            percent(row.large_accuracy),
            percent(row.large_share),
            _rate(row.disagree),
            _rate(row.regret),
        ]
        for row in found.values
    ]
    return table(f"Per {found.name}", columns, rows) + _left_out(found.left_out, "values")


def _rate(found: Rate) -> str:
    if found.value is None:
        return DASH
    return f"{percent(found.value)}<small>{interval(found)}</small>"


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _left_out(count: int, what: str) -> str:
    return note(f"{count:,} {what} with fewer rows are not listed.") if count else ""
