"""The tables of a batch's page but those of templates.

counts by name  ->  <table>; every text escaped
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from headgate.batch.outputs.receipt import InputCount
from headgate.batch.outputs.summary import UnitSummary, most_first
from headgate.batch.outputs.timeline import Shown
from headgate.pages.amounts import counted, share, size
from headgate.pages.document import note
from headgate.pages.tables import table
from headgate.pages.text import visible
from headgate.types import Tier

MOST_ROWS = 50
"""Of one table."""
_TIERS = {Tier.SMALL.value: "small models", Tier.LARGE.value: "the large model"}

REPORT_STYLE = """
.wide{margin-top:1rem;overflow-x:auto}
.wide svg{min-width:40rem}
.wide .legend svg{min-width:0}
.card>.facts{margin:0}
.card+.card,.card+.scroll,.scroll+.note{margin-top:1rem}
code{font:.85rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
tbody th:has(.template){position:static;width:46%;min-width:20rem;max-width:none;font-weight:400}
.answer{display:inline-flex;align-items:baseline;gap:.35rem;margin-right:.8rem;white-space:nowrap}
.answer::before{content:"";width:.65rem;height:.65rem;border-radius:.15rem;flex:none;
background:var(--look)}
.meter{display:block;height:.25rem;border-radius:.125rem;background:var(--rule);margin-top:.3rem;
min-width:4rem}
.meter span{display:block;height:100%;border-radius:.125rem;background:var(--cascade)}
"""


def answer_table(summary: UnitSummary, shown: Shown) -> str:
    """Return one row an answer, with who gave it."""
    tiers = list(summary.by_tier())
    by_both: dict[tuple[str, str], int] = {}
    for group, rows in summary.groups.items():
        key = (group.answer, group.tier)
        by_both[key] = by_both.get(key, 0) + rows
    answers = summary.by_answer()
    cells = [
        [
            answer_label(answer, shown),
            f"{rows:,}",
            share_cell(rows / summary.rows),
            *(f"{by_both.get((answer, tier), 0):,}" for tier in tiers),
        ]
        for answer, rows in list(answers.items())[:MOST_ROWS]
    ]
    columns = ["Answer", f"{shown.unit.capitalize()}s", "Share", *map(_by_whom, tiers)]
    return table("Answers", columns, cells) + _left_out(len(answers) - len(cells), "answers")


def tier_table(summary: UnitSummary) -> str:
    """Return one row a tier."""
    cells = [
        [_tier_name(tier), f"{rows:,}", share_cell(rows / summary.rows)]
        for tier, rows in summary.by_tier().items()
    ]
    return table("Who decided", ["", "Rows", "Share"], cells)


def count_table(caption: str, counts: Mapping[str, int], unit: str, total: int | None) -> str:
    """Return one row a reason, with its share of all rows where that is known."""
    found = list(most_first(counts).items())[:MOST_ROWS]
    columns = ["Reason", f"{unit.capitalize()}s", *(["Share"] if total else [])]
    cells = [
        [escape(visible(name)), f"{rows:,}", *([share_cell(rows / total)] if total else [])]
        for name, rows in found
    ]
    return table(caption, columns, cells) + _left_out(len(counts) - len(found), "reasons")


def input_table(inputs: Sequence[InputCount]) -> str:
    """Return one row a file, the largest first."""
    largest = sorted(inputs, key=lambda each: (-each.size_bytes, each.place))[:MOST_ROWS]
    cells = [
        [escape(visible(each.place)), size(each.size_bytes), f"{each.rows:,}"] for each in largest
    ]
    rest = len(inputs) - len(cells)
    return table("Input", ["Input", "Size", "Rows"], cells) + _left_out(rest, "smaller files")


def answer_label(answer: str, shown: Shown) -> str:
    """Return an answer beside the colour that it has in charts."""
    name = escape(visible(answer, 60))
    return f'<span class="answer" style="--look:var(--{shown.look(answer)})">{name}</span>'


def share_cell(part: float) -> str:
    """Return a share between 0 and 1, in figures and as a bar."""
    bar = f'<span class="meter"><span style="width:{100 * part:.1f}%"></span></span>'
    return f"{share(part)}{bar}"


def _by_whom(tier: str) -> str:
    return f"By {_TIERS.get(tier, tier)}"


def _tier_name(tier: str) -> str:
    return escape(_TIERS.get(tier, tier).capitalize())


def _left_out(count: int, what: str) -> str:
    return note(f"{counted(count, 'more', 'more')} {what} are not listed.") if count > 0 else ""
