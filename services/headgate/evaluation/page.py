"""An evaluation as one HTML page that needs nothing else: no script, no file, no network.

Report  ->  HTML text: headline, certificate, policies, charts, classes, slices, assumptions

Labels, slice values and names come from data, so all of them are escaped, and the page's policy
forbids scripts and everything from elsewhere. It holds no text of a record.
"""

from __future__ import annotations

from headgate.evaluation.plots import plots
from headgate.evaluation.policies import Policy
from headgate.evaluation.report import Guarantee, Report
from headgate.evaluation.tables import class_table, policy_table, score_table, slice_table
from headgate.evaluation.wording import given_up_range, interval
from headgate.pages.amounts import counted, dollars, percent, points
from headgate.pages.certificate import certificate_card, uncertified_card
from headgate.pages.charts import figure
from headgate.pages.document import document, header, notes, section, tile


def html_page(report: Report) -> str:
    """Return a report as a page that can be opened from a file, mailed or printed."""
    subject = report.subject
    rows = f"{counted(report.rows, 'row')}"
    sections = [
        header(f"{subject.name} · evaluated on {rows}", report.headline, _tiles(report)),
        _guarantee(report.guarantee) if report.guarantee else uncertified_card(_NO_CERTIFICATE),
        _policies(report),
        _charts(report),
        _figures(report),
        section("Per class", class_table(report), sub=_CLASSES),
        *(section(f"Per {table.name}", slice_table(table)) for table in report.slices),
        _assumptions(report),
    ]
    return document(
        f"{subject.name}: evaluation on {rows}",
        sections,
        footer=f"Written by headgate evaluate; revision {subject.revision}.",
    )


def _tiles(report: Report) -> list[str]:
    cascade, large = report.policy("cascade"), report.policy("large_only")
    kept = 1 - (cascade.large_share.value or 0.0)
    lead = -(report.given_up.value or 0.0)
    tiles = [
        tile(
            "Accuracy of the cascade",
            percent(cascade.accuracy.value),
            f"{interval(cascade.accuracy)}; large model alone {percent(large.accuracy.value)}",
        ),
        tile(
            "Against the large model alone",
            f"{'+' if round(lead, 3) > 0 else ''}{points(lead)} points",
            given_up_range(report.given_up),
        ),
        tile(
            "Answered without the large model",
            percent(kept),
            f"{round(kept * report.rows):,} of {report.rows:,} rows",
        ),
    ]
    return tiles if cascade.saved is None else [*tiles, _saved_tile(cascade, large)]


def _saved_tile(cascade: Policy, large: Policy) -> str:
    spent, alone = dollars(cascade.cost_usd_per_1000), dollars(large.cost_usd_per_1000)
    more = f"{spent} instead of {alone} per 1,000 records"
    return tile("Cost saved", percent(cascade.saved), more)


_NO_CERTIFICATE = (
    "The cascade file asks for no certificate: the figures below are measured, and nothing is "
    "guaranteed."
)


def _guarantee(guarantee: Guarantee) -> str:
    return certificate_card(
        guarantee.certificate, guarantee.statement, (guarantee.standing, guarantee.finding)
    )


def _policies(report: Report) -> str:
    return section(
        "The cascade and its alternatives",
        policy_table(report),
        sub=f"Each policy on the same rows, with exact {report.confidence:.0%} intervals. "
        f"Thresholds are chosen for a risk of {100 * report.subject.epsilon:.4g}%.",
    )


def _charts(report: Report) -> str:
    cards = "".join(f'<div class="card">{figure(chart)}</div>' for chart in plots(report))
    return section("Trade-offs", f'<div class="charts">{cards}</div>', sub=_READING)


_READING = (
    "The gate sends the rows it is least sure of. Further left is cheaper, further up is better; "
    "a score that tells hard rows from easy ones bends away from the line of random rows."
)
_DASHES = (
    "A dash stands where a figure has no meaning: no price is known, or the large model is no "
    "better than the small ones, so that there is no gap to recover."
)
_CLASSES = "Rows by their right answer. Recall and precision are the cascade's."


def _figures(report: Report) -> str:
    return section("How well the score orders the rows", score_table(report), sub=_DASHES)


def _assumptions(report: Report) -> str:
    assumed = report.guarantee.assumptions if report.guarantee else ()
    first = f"<h2>What the certificate assumes</h2>{notes(assumed)}" if assumed else ""
    return f"<section>{first}<h2>How this was measured</h2>{notes(report.caveats)}</section>"
