"""The templates of a batch, as tables of its page.

UnitSummary, text of each template  ->  TemplateRow, ... (commonest first)  ->  <table>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from headgate.batch.outputs.report_tables import answer_label, share_cell
from headgate.batch.outputs.summary import Counts, Place, UnitSummary, most_first
from headgate.batch.outputs.timeline import Shown
from headgate.pages.tables import table
from headgate.pages.text import visible

MOST_TEXT = 240
"""Characters of a template that are shown."""
_MOST_ANSWERS = 4


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """What is known of one template."""

    id: str
    text: str
    rows: int
    answers: Counts
    """Commonest first."""
    tiers: Counts
    """Commonest first."""
    first: Place

    def others(self, normal: str) -> int:
        """Return the rows with another answer than the normal one."""
        return self.rows - self.answers.get(normal, 0)


def template_rows(summary: UnitSummary, texts: Mapping[str, str]) -> list[TemplateRow]:
    """Return all templates of a summary, commonest first; equally common ones as they come."""
    answers: dict[str, dict[str, int]] = {}
    tiers: dict[str, dict[str, int]] = {}
    for (template, answer, tier), rows in summary.groups.items():
        if template:
            _add(answers.setdefault(template, {}), answer, rows)
            _add(tiers.setdefault(template, {}), tier, rows)
    found = [
        TemplateRow(
            id=name,
            text=texts.get(name, name),
            rows=sum(counts.values()),
            answers=most_first(counts),
            tiers=most_first(tiers[name]),
            first=summary.first[name],
        )
        for name, counts in answers.items()
    ]
    return sorted(found, key=lambda row: (-row.rows, row.first[:2]))


def template_table(caption: str, rows: Sequence[TemplateRow], shown: Shown, total: int) -> str:
    """Return a table of templates.

    Args:
        caption: Any text.
        rows: In the order to show them in.
        shown: Which answers have colours.
        total: Rows of the whole output.
    """
    columns = ["Template", "Lines", "Share", "Answers", "First seen"]
    cells = [
        [
            f'<div class="template"><code>{escape(visible(row.text, MOST_TEXT))}</code>'
            f"<small>{escape(visible(row.id))}</small></div>",
            f"{row.rows:,}",
            share_cell(row.rows / total),
            _answers(row, shown),
            f"<code>{escape(visible(place_text(row.first)))}</code>",
        ]
        for row in rows
    ]
    return table(caption, columns, cells, text_columns=(3, 4))


def place_text(place: Place) -> str:
    """Return where a row is, as editors and pagers take it."""
    if place.number is not None:
        return f"{place.file}:{place.number}"
    return place.file if place.offset is None else f"{place.file} at byte {place.offset:,}"


def _answers(row: TemplateRow, shown: Shown) -> str:
    """Return the commonest answers with their rows where there are several, and who gave them."""
    several = len(row.answers) > 1
    told = [
        answer_label(answer, shown) + (f"<small>{rows:,}</small>" if several else "")
        for answer, rows in list(row.answers.items())[:_MOST_ANSWERS]
    ]
    rest = len(row.answers) - len(told)
    who = " and ".join(f"{tier} model" for tier in row.tiers)
    return "".join(told) + (f"<small>and {rest} more</small>" if rest else "") + (
        f"<small>{escape(who)}</small>"
    )  # fmt: skip


def _add(counts: dict[str, int], name: str, rows: int) -> None:
    counts[name] = counts.get(name, 0) + rows
