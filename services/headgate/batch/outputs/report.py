"""A batch as one page: what is unusual in the input, where, who said so and what it cost.

Receipt, UnitSummary of all units, text of each template  ->  HTML text

Templates, answers and names of files come from data: all of them are escaped, and what cannot be
seen in them is written as its number. The page's policy forbids scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.batch.outputs.receipt import Receipt
from headgate.batch.outputs.receipt_words import (
    large_model_facts,
    program_facts,
    time_facts,
    work_facts,
)
from headgate.batch.outputs.report_tables import (
    REPORT_STYLE,
    answer_table,
    count_table,
    input_table,
    tier_table,
)
from headgate.batch.outputs.report_templates import TemplateRow, template_rows, template_table
from headgate.batch.outputs.summary import UnitSummary
from headgate.batch.outputs.timeline import Shown, along_input, along_time
from headgate.pages.amounts import counted, dollars, duration, percent, share, size
from headgate.pages.certificate import certificate_card, standing, statement, uncertified_card
from headgate.pages.charts import Chart, figure
from headgate.pages.document import document, facts, header, note, notes, section, tile
from headgate.pages.text import visible
from headgate.types import Tier

MOST_TEMPLATES = 25
"""In one table."""
MOST_UNUSUAL = 15


@dataclass(frozen=True, slots=True)
class Matter:
    """All that a page is about."""

    receipt: Receipt
    summary: UnitSummary
    """Of all units."""
    texts: Mapping[str, str]
    """Of the templates by their ids; one that is missing is shown by its id."""
    normal: str
    """The answer that is no anomaly."""

    @property
    def shown(self) -> Shown:
        """Return which answers have colours."""
        return Shown.of(self.summary.by_answer(), self.normal, self.receipt.unit)

    @property
    def anomalies(self) -> int:
        """Return how many rows have another answer than the normal one."""
        return self.summary.rows - self.summary.by_answer().get(self.normal, 0)


def report_page(
    receipt: Receipt, summary: UnitSummary, texts: Mapping[str, str], *, normal: str = ""
) -> str:
    """Return a page that can be opened from a file, mailed or printed.

    Args:
        receipt: Of the job.
        summary: Of all its units together.
        texts: Of its templates by their ids; empty when it has none.
        normal: The answer that is no anomaly; the commonest one when empty.
    """
    found = normal or next((answer for answer in summary.by_answer() if answer), "")
    matter = Matter(receipt, summary, texts, found)
    rows = template_rows(summary, texts)
    sections = [
        header(_title(receipt), _headline(matter), _tiles(matter)),
        *_certificate(receipt),
        *_anomalies(matter),
        *_templates(matter, rows),
        *_answers(matter),
        _large_model(receipt),
        *_problems(receipt),
        _run(receipt),
    ]
    return document(
        f"{_title(receipt)}: batch report",
        sections,
        footer=f"Written by headgate batch {receipt.program.headgate}; "
        f"revision {receipt.program.revision}.",
        style=REPORT_STYLE,
    )


def _title(receipt: Receipt) -> str:
    name, files = visible(receipt.program.cascade), counted(len(receipt.inputs), "file")
    return f"{name} · {counted(receipt.rows.total, receipt.unit)} in {files}"


def _headline(matter: Matter) -> str:
    receipt = matter.receipt
    noun = f"{receipt.unit}s"
    if not matter.summary.rows:
        return f"There were no {noun} to answer."
    usage = receipt.large_model.usage
    asked = f"{counted(usage.calls, 'call')} of the large model for {dollars(usage.cost_usd)}"
    paid = f"with {asked}" if usage.calls else "without a call of the large model"
    if matter.summary.many_answers:
        return f"{counted(matter.summary.rows, receipt.unit)} have their answers, {paid}."
    part = share(matter.anomalies / matter.summary.rows)
    normal = visible(matter.normal, 60)
    if not matter.anomalies:
        return f"All {noun} are {normal}, found {paid}."
    return f"{part} of the {noun} are not {normal}, found {paid}."


def _tiles(matter: Matter) -> list[str]:
    receipt, usage = matter.receipt, matter.receipt.large_model.usage
    tokens = f"{usage.input_tokens + usage.output_tokens:,} tokens"
    tiles = [
        tile(f"{receipt.unit.capitalize()}s", f"{receipt.rows.total:,}", _collapsed(receipt)),
        tile("Answered by small models", percent(receipt.kept_share), _kept(receipt)),
        tile(
            "Cost of large models",
            dollars(usage.cost_usd),
            f"{counted(usage.calls, 'call')}, {tokens}{', estimated' if usage.estimated else ''}",
        ),
        tile(
            f"{receipt.unit.capitalize()}s per second",
            f"{receipt.rows_per_s:,.0f}",
            f"{size(receipt.input_bytes)} in {duration(receipt.work.elapsed_s)}",
        ),
    ]
    if matter.summary.many_answers or not matter.summary.rows:
        return tiles
    unusual = tile(
        f"Not {visible(matter.normal, 30)}",
        f"{matter.anomalies:,}",
        f"{share(matter.anomalies / matter.summary.rows)} of all {receipt.unit}s",
    )
    return [tiles[0], unusual, *tiles[1:]]


def _collapsed(receipt: Receipt) -> str:
    asked = counted(receipt.asked, "different record")
    if receipt.templates is None:
        return f"{asked} answered"
    return f"{counted(receipt.templates, 'template')}, {asked} answered"


def _kept(receipt: Receipt) -> str:
    large = receipt.rows.tiers.get(Tier.LARGE, 0)
    return f"{counted(large, receipt.unit)} by the large model"


_NOT_ASKED = (
    "The cascade file asks for no certificate: nothing is guaranteed about the answers below."
)


def _certificate(receipt: Receipt) -> list[str]:
    found = receipt.certificate
    if found is None and not receipt.batch_statement:
        return [uncertified_card(_NOT_ASKED)]
    cards = [] if found is None else [certificate_card(found, statement(found), [standing(found)])]
    batch = receipt.batch_statement
    return (
        [section("What is certified about this batch", notes([batch])), *cards] if batch else cards
    )


def _anomalies(matter: Matter) -> list[str]:
    summary, unit = matter.summary, matter.receipt.unit
    if summary.many_answers or not matter.anomalies:
        return []
    heading = f"Where {unit}s are not {visible(matter.normal, 40)}"
    if not summary.times.counts:
        chart = along_input(summary.places, matter.shown)
        return [
            section(
                heading, _wide(chart), sub="No times are known: this is in the order of the input."
            )
        ]
    found = along_time(summary.times, matter.shown)
    said = [
        f"Not drawn: {counted(rows, unit)} {why}."
        for rows, why in (
            (found.left_out, "far from the times of all others"),
            (summary.untimed, "without a time that could be read"),
        )
        if rows
    ]
    return [section(heading, _wide(found.anomalies), _wide(found.all_rows), *map(note, said))]


def _wide(chart: Chart) -> str:
    return f'<div class="card wide">{figure(chart)}</div>'


def _templates(matter: Matter, rows: list[TemplateRow]) -> list[str]:
    if not rows:
        return []
    normal, shown = matter.normal, matter.shown
    rare = sorted(rows, key=lambda row: (row.rows, row.first))[:MOST_TEMPLATES]
    unusual = sorted(
        (row for row in rows if row.others(normal)),
        key=lambda row: (-row.others(normal), row.first),
    )[:MOST_UNUSUAL]
    total = matter.summary.rows
    tables = [
        ("Templates behind them", unusual, f"Of {_all(rows)}, those with most such rows first."),
        ("Top templates", rows[:MOST_TEMPLATES], f"The commonest of {_all(rows)}."),
        ("Rare templates", rare, f"The rarest of {_all(rows)}, and where each is found first."),
    ]
    return [
        section(heading, template_table(heading, found, shown, total), sub=sub)
        for heading, found, sub in tables
        if found
    ]


def _all(rows: list[TemplateRow]) -> str:
    return counted(len(rows), "template")


def _answers(matter: Matter) -> list[str]:
    if not matter.summary.rows:
        return []
    tiers = section("Who decided", tier_table(matter.summary))
    if matter.summary.many_answers:
        return [tiers]
    sub = "Answers by the model that gave them."
    return [section("Answers", answer_table(matter.summary, matter.shown), sub=sub), tiers]


def _large_model(receipt: Receipt) -> str:
    return section("Large models", _fact_card(large_model_facts(receipt)))


def _problems(receipt: Receipt) -> list[str]:
    unit, counts = receipt.unit, receipt.rows
    tables = [
        ("Other answers than the policy wanted", counts.degraded, counts.total),
        ("Not in the output", receipt.dead_letters, None),
    ]
    shown = [(name, found, total) for name, found, total in tables if found]
    lossy = f"{counted(counts.lossy, unit)} had bytes that are not UTF-8."
    parts = [
        section(name, count_table(name, found, unit, total), sub=_SAID.get(name, ""))
        for name, found, total in shown
    ]
    return [*parts, note(lossy)] if counts.lossy else parts


_SAID = {"Not in the output": "Each is in dead_letters.jsonl, with its place and without its text."}


def _run(receipt: Receipt) -> str:
    named = program_facts(receipt) | work_facts(receipt)
    cards = _fact_card(named) + _fact_card(time_facts(receipt))
    return section("This run", cards, input_table(receipt.inputs))


def _fact_card(named: Mapping[str, str]) -> str:
    seen = {visible(name): visible(value) for name, value in named.items()}
    return f'<div class="card">{facts(seen)}</div>' if seen else ""
