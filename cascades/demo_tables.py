"""The part of the demonstration that is about tables: matched over gRPC, against what is right.

test.jsonl (pairs of tables, matches) -> MatchSchemas -> a line a table, some columns with evidence
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from headgate.client import Client
from headgate.matches import ColumnMatch, GivenColumn, GivenTable, TableMatch
from headgate.types import Tier

SHOWN = 8


@dataclass(frozen=True)
class Known:
    """A source table and the right targets of its columns."""

    table: GivenTable
    matches: Mapping[str, Sequence[str]]


def show_matches(console: Console, client: Client, rows: Path) -> None:
    """Match every table of a file with its target, and print what comes back."""
    known, target = read_tables(rows)
    client.match_schemas([known[0].table], target)  # the target is embedded once, here
    table = Table("table", "columns", "right pairs", "of", "wrong", "by the large model", "took")
    matched = []
    for each in known:
        started = time.perf_counter()
        (match,) = client.match_schemas([each.table], target)
        seconds = time.perf_counter() - started
        matched.append(match)
        table.add_row(each.table.name, *counts(match, each.matches), f"{seconds * 1000:.0f} ms")
    show_columns(console, matched[0], known[0].matches)
    console.print(table)


def read_tables(rows: Path) -> tuple[list[Known], GivenTable]:
    """Return the source tables of a file, and the one target that they share."""
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    known = [
        Known(GivenTable(row["id"], csv=(rows.parent / row["source"]).read_bytes()), row["matches"])
        for row in found
    ]
    target = json.loads((rows.parent / found[0]["target"]).read_text(encoding="utf-8"))
    columns = [
        GivenColumn(name, tuple(of["values"]), of["description"]) for name, of in target.items()
    ]
    return known, GivenTable("target", columns=tuple(columns))


def counts(match: TableMatch, right: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the cells of a table's line: columns, right pairs, of how many, wrong, asked."""
    found = sum(target in right.get(source, ()) for source, target in match.pairs.items())
    asked = sum(column.tier is Tier.LARGE for column in match.columns)
    numbers = (len(match.columns), found, len(right), len(match.pairs) - found)
    return (*map(str, numbers), f"{asked / len(match.columns):.0%}")


def show_columns(console: Console, match: TableMatch, right: Mapping[str, Sequence[str]]) -> None:
    """Print some columns of one table: the partner, who found it, and the next candidates."""
    table = Table("column", "partner", "decided by", "candidates", title=f"Columns of {match.name}")
    for column in match.columns[:SHOWN]:
        partner = column.target or f"none ({column.abstention})"
        wanted = right.get(column.id, ())
        mark = "right" if column.target in wanted or not (wanted or column.target) else "wrong"
        table.add_row(column.name, f"{partner} ({mark})", f"{column.tier} model", others(column))
    console.print(table)


def others(column: ColumnMatch) -> str:
    """Return the best candidates with how probable each is."""
    return ", ".join(f"{each.target} {each.score:.2f}" for each in column.candidates[:3])
