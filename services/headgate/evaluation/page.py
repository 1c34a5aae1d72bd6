"""An evaluation as one HTML page that needs nothing else: no script, no file, no network.

Report  ->  HTML text: headline, certificate, policies, charts, classes, slices, assumptions

Labels, slice values and names come from data, so all of them are escaped, and the page's policy
forbids scripts and everything from elsewhere. It holds no text of a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headgate.evaluation.charts import CHART_STYLE, figure
from headgate.evaluation.plots import plots
from headgate.evaluation.policies import Policy
from headgate.evaluation.report import Guarantee, Report
from headgate.evaluation.tables import class_table, policy_table, score_table, slice_table
from headgate.evaluation.wording import dollars, given_up_range, interval, percent, points

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_STYLE = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#171b22;--quiet:#565f6e;
--rule:#dfe3e9;--here:#e9f2fc;--certified:#12805c;--suspect:#a66300;--void:#c0392b;
--uncertified:#6b7382}
@media (prefers-color-scheme:dark){:root{--page:#11141a;--card:#1a1f27;--ink:#e8ebf0;
--quiet:#a3adbb;--rule:#313946;--here:#1c3047;--certified:#4fd1a1;--suspect:#f0b352;
--void:#ff8273;--uncertified:#a3adbb}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,sans-serif}
main{max-width:74rem;margin:0 auto;padding:2rem 1rem 3rem}
h1{font-size:1rem;font-weight:600;margin:0;color:var(--quiet);overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.5rem 0 .25rem}
.headline{font-size:clamp(1.35rem,1rem + 1.9vw,2.1rem);line-height:1.25;font-weight:650;
letter-spacing:-.01em;margin:.5rem 0 1.5rem;max-width:58rem;overflow-wrap:anywhere}
.sub,.note{color:var(--quiet);font-size:.9rem;margin:.25rem 0 1rem;max-width:50rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:1rem;margin:0}
.tiles div,.card{background:var(--card);border:1px solid var(--rule);border-radius:.75rem;
padding:.9rem clamp(.8rem,2vw,1.15rem)}
.tiles dt{color:var(--quiet);font-size:.9rem}
.tiles dd{margin:0}
.tiles .big{font-size:clamp(1.4rem,1rem + 1.5vw,1.9rem);font-weight:650;line-height:1.3;
font-variant-numeric:tabular-nums}
.tiles .more{color:var(--quiet);font-size:.85rem}
.guarantee{margin-top:1rem;border-left:.4rem solid var(--state)}
.guarantee p{margin:.4rem 0 0;max-width:58rem}
.guarantee .statement{font-size:1.1rem;font-weight:550}
.badge{display:inline-block;border:1px solid var(--state);color:var(--state);border-radius:1rem;
padding:0 .7rem;font-size:.85rem;font-weight:650}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;margin:.8rem 0 0;font-size:.85rem;
color:var(--quiet)}
.facts div{display:flex;gap:.4rem}
.facts dd{margin:0;color:var(--ink);font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1rem}
.charts>:last-child:nth-child(odd){grid-column:1/-1}
.charts>:last-child:nth-child(odd) figure{max-width:35rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:.75rem}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.5rem .8rem;text-align:right;vertical-align:top;border-top:1px solid var(--rule)}
thead th{border-top:0;color:var(--quiet);font-weight:550;font-size:.85rem;vertical-align:bottom;
min-width:5.5rem}
th:first-child,.text{text-align:left}
.text{min-width:15rem}
tbody th{font-weight:550;position:sticky;left:0;background:var(--card);min-width:9.5rem;
max-width:18rem;overflow-wrap:anywhere}
td small{white-space:nowrap}
small{display:block;color:var(--quiet);font-weight:400;font-size:.8rem}
.here th,.here td{background:var(--here)}
.scroll+.scroll{margin-top:1rem}
ul.notes{margin:.5rem 0 0;padding-left:1.2rem;max-width:58rem}
ul.notes li{margin:.3rem 0}
footer{margin-top:2.5rem;color:var(--quiet);font-size:.85rem;overflow-wrap:anywhere}
@media print{body{background:none}.card,.tiles div,figure,tr{break-inside:avoid}}
"""


def html_page(report: Report) -> str:
    """Return a report as a page that can be opened from a file, mailed or printed."""
    title = escape(f"{report.subject.name}: evaluation on {_rows(report)}")
    sections = [
        _header(report),
        _guarantee(report.guarantee) if report.guarantee else _NO_CERTIFICATE,
        _policies(report),
        _charts(report),
        _figures(report),
        _classes(report),
        *_slices(report),
        _assumptions(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}{CHART_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + f"\n{_footer(report)}\n</main>\n</body>\n</html>\n"
    )


def _header(report: Report) -> str:
    return (
        f"<header><h1>{escape(report.subject.name)} · evaluated on {_rows(report)}</h1>"
        f'<p class="headline">{escape(report.headline)}</p></header>'
        f'<dl class="tiles">{"".join(_tiles(report))}</dl>'
    )


def _rows(report: Report) -> str:
    return f"{report.rows:,} {'row' if report.rows == 1 else 'rows'}"


def _tiles(report: Report) -> list[str]:
    cascade, large = report.policy("cascade"), report.policy("large_only")
    kept = 1 - (cascade.large_share.value or 0.0)
    lead = -(report.given_up.value or 0.0)
    tiles = [
        _tile(
            "Accuracy of the cascade",
            percent(cascade.accuracy.value),
            f"{interval(cascade.accuracy)}; large model alone {percent(large.accuracy.value)}",
        ),
        _tile(
            "Against the large model alone",
            f"{'+' if round(lead, 3) > 0 else ''}{points(lead)} points",
            given_up_range(report.given_up),
        ),
        _tile(
            "Answered without the large model",
            percent(kept),
            f"{round(kept * report.rows):,} of {report.rows:,} rows",
        ),
    ]
    return tiles if cascade.saved is None else [*tiles, _saved_tile(cascade, large)]


def _saved_tile(cascade: Policy, large: Policy) -> str:
    spent, alone = dollars(cascade.cost_usd_per_1000), dollars(large.cost_usd_per_1000)
    more = f"{spent} instead of {alone} per 1,000 records"
    return _tile("Cost saved", percent(cascade.saved), more)


def _tile(name: str, value: str, more: str) -> str:
    return (
        f'<div><dt>{escape(name)}</dt><dd class="big">{escape(value)}</dd>'
        f'<dd class="more">{escape(more)}</dd></div>'
    )


_NO_CERTIFICATE = (
    '<section class="card guarantee" style="--state:var(--uncertified)">'
    '<span class="badge">no certificate</span><p class="statement">The cascade file asks for no '
    "certificate: the figures below are measured, and nothing is guaranteed.</p></section>"
)


def _guarantee(guarantee: Guarantee) -> str:
    found = guarantee.certificate
    facts = {
        "kind": found.kind,
        "mode": found.mode,
        "epsilon": f"{found.epsilon:.4g}",
        "delta": f"{found.delta:.4g}",
        "labelled units": f"{found.n:,}",
        "bad among those kept": f"{found.bad:,}",
        "p-value": f"{found.p_value:.2g}",
        "kept in certification": percent(found.automation),
        "issued": found.issued,
        "certificate": found.id,
    }
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    remarks = "".join(
        f"<p>{escape(text)}</p>" for text in (guarantee.standing, guarantee.finding) if text
    )
    return (
        f'<section class="card guarantee" style="--state:var(--{found.state.value})">'
        f'<span class="badge">{escape(found.state.value)}</span>'
        f'<p class="statement">{escape(guarantee.statement)}</p>{remarks}'
        f'<dl class="facts">{listed}</dl></section>'
    )


def _policies(report: Report) -> str:
    return (
        '<section><h2>The cascade and its alternatives</h2><p class="sub">Each policy on '
        f"the same rows, with exact {report.confidence:.0%} intervals. Thresholds are chosen for "
        f"a risk of {100 * report.subject.epsilon:.4g}%.</p>{policy_table(report)}</section>"
    )


def _charts(report: Report) -> str:
    cards = "".join(f'<div class="card">{figure(chart)}</div>' for chart in plots(report))
    return (
        f'<section><h2>Trade-offs</h2><p class="sub">{_READING}</p>'
        f'<div class="charts">{cards}</div></section>'
    )


_READING = (
    "The gate sends the rows it is least sure of. Further left is cheaper, further up is better; "
    "a score that tells hard rows from easy ones bends away from the line of random rows."
)


def _figures(report: Report) -> str:
    return (
        '<section><h2>How well the score orders the rows</h2><p class="sub">A dash stands where '
        "a figure has no meaning: no price is known, or the large model is no better than the "
        f"small ones, so that there is no gap to recover.</p>{score_table(report)}</section>"
    )


def _classes(report: Report) -> str:
    return (
        '<section><h2>Per class</h2><p class="sub">Rows by their right answer. Recall and '
        f"precision are the cascade's.</p>{class_table(report)}</section>"
    )


def _slices(report: Report) -> list[str]:
    return [
        f"<section><h2>Per {escape(table.name)}</h2>{slice_table(table)}</section>"
        for table in report.slices
    ]


def _assumptions(report: Report) -> str:
    assumed = report.guarantee.assumptions if report.guarantee else ()
    first = f"<h2>What the certificate assumes</h2>{_notes(assumed)}" if assumed else ""
    return f"<section>{first}<h2>How this was measured</h2>{_notes(report.caveats)}</section>"


def _notes(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="notes">{items}</ul>'


def _footer(report: Report) -> str:
    revision = escape(report.subject.revision)
    return f"<footer>Written by headgate evaluate; revision {revision}.</footer>"
