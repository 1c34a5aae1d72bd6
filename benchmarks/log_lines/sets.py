"""The labelled log lines of the data folder.

DATA/logs/loghub_{SYSTEM}_2k.csv.gz  ->  LogSet: contents (lines,), templates (lines,)
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

_PREFIX, _SUFFIX = "loghub_", "_2k.csv.gz"


@dataclass(frozen=True, slots=True)
class LogSet:
    """Lines of one system, each with the template that people gave it."""

    system: str
    contents: tuple[str, ...]
    """Shape (lines,): what stands behind the header."""
    gold: tuple[str, ...]
    """Shape (lines,): as first published."""
    corrected: tuple[str, ...]
    """Shape (lines,): by the rules of Khan et al. 2022, ICSE; values are whole words."""

    def column(self) -> pa.LargeBinaryArray:
        """Return the contents as bytes, shape (lines,)."""
        return pa.array([line.encode() for line in self.contents], pa.large_binary())


def find_sets(data: Path) -> list[Path]:
    """Return the files of labelled lines, by name; none when the folder has none."""
    return sorted((data / "logs").glob(f"{_PREFIX}*{_SUFFIX}"))


def load_set(path: Path) -> LogSet:
    """Return the lines of one file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return LogSet(
        path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX),
        contents=tuple(row["Content"] for row in rows),
        gold=tuple(row["EventTemplate"] for row in rows),
        corrected=tuple(row.get("EventTemplateCorrected") or row["EventTemplate"] for row in rows),
    )
