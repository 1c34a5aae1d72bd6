"""A receipt as two files: one for programs, one for people.

Receipt  ->  `receipt.json`, `receipt.txt`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from headgate.batch.durable import replacing, write_json
from headgate.batch.outputs.receipt import InputCount, Receipt
from headgate.batch.outputs.receipt_words import (
    large_model_facts,
    program_facts,
    time_facts,
    work_facts,
)
from headgate.pages.amounts import counted, duration, share, size
from headgate.pages.certificate import standing, statement
from headgate.pages.text import visible

RECEIPT_JSON, RECEIPT_TEXT = "receipt.json", "receipt.txt"
MOST_LISTED = 25
"""Answers, reasons or files in the text; the JSON has all of them."""


def write_receipt(receipt: Receipt, directory: Path) -> None:
    """Write the receipt beside the output of its job.

    Raises:
        OSError: The disk is full or fails.
    """
    write_json(directory / RECEIPT_JSON, receipt.to_json())
    with replacing(directory / RECEIPT_TEXT) as partial:
        partial.write_text(receipt_text(receipt), encoding="utf-8")


def receipt_text(receipt: Receipt) -> str:
    """Return a receipt as lines of text; nothing in it moves a terminal."""
    counts, total = receipt.rows, receipt.rows.total
    parts = [
        [_first_line(receipt)],
        _pairs("What answered", program_facts(receipt)),
        _shares("Answers", counts.answers, total),
        _shares("Decided by", counts.tiers, total),
        _pairs("Work", work_facts(receipt)),
        _pairs("Time", time_facts(receipt)),
        _pairs("Large model", large_model_facts(receipt)),
        _shares("Not the answer that the policy wanted", counts.degraded, total),
        _shares("Not in the output: see dead_letters.jsonl", receipt.dead_letters, None),
        _certificate(receipt),
        _inputs(receipt.inputs),
    ]
    return "\n".join("\n".join(part) + "\n" for part in parts if part)


def _first_line(receipt: Receipt) -> str:
    files = counted(len(receipt.inputs), "file")
    return (
        f"{visible(receipt.program.cascade)}: {counted(receipt.rows.total, receipt.unit)} of "
        f"{size(receipt.input_bytes)} in {files}, in {duration(receipt.work.elapsed_s)}"
    )


def _certificate(receipt: Receipt) -> list[str]:
    found = receipt.certificate
    said = [] if found is None else [statement(found), standing(found), f"Its id is {found.id}."]
    sentences = [visible(each, 1000) for each in [receipt.batch_statement, *said] if each]
    return ["Certificate", *(f"  {sentence}" for sentence in sentences)] if sentences else []


def _inputs(inputs: Iterable[InputCount]) -> list[str]:
    largest = sorted(inputs, key=lambda each: (-each.size_bytes, each.place))
    shown = largest[:MOST_LISTED]
    lines = [
        f"  {size(each.size_bytes):>11}  {each.rows:>15,}  {visible(each.place)}" for each in shown
    ]
    rest = len(largest) - len(shown)
    return ["Input", *lines, *([f"  and {counted(rest, 'smaller file')}"] if rest else [])]


def _shares(heading: str, counts: Mapping[str, int], total: int | None) -> list[str]:
    """Return counts, with their part of all rows where the total is one of those."""
    if not counts:
        return []
    lines = [
        f"  {visible(name, 40):<40}  {rows:>15,}"
        + ("" if total is None else f"  {share(rows / total):>11}")
        for name, rows in list(counts.items())[:MOST_LISTED]
    ]
    rest = len(counts) - len(lines)
    return [heading, *lines, *([f"  and {rest:,} more"] if rest else [])]


def _pairs(heading: str, named: Mapping[str, str]) -> list[str]:
    if not named:
        return []
    return [heading, *(f"  {visible(name):<24}  {visible(text)}" for name, text in named.items())]
