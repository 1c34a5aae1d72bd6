"""Rows of the data folder.

FILE.jsonl.gz | FILE.csv.gz  ->  objects, one a line
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def json_rows(path: Path) -> list[Row]:
    """Return the rows of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def csv_rows(path: Path) -> list[Row]:
    """Return the rows of a gzipped CSV file by column name."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
