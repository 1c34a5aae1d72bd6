"""Equal lines and rows of a block are one record.

LineBlock | RowBlock (n) -> which record each is (n,), records without repeats, their keys
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.outputs.columns import first_rows
from headgate.batch.store import key_of
from headgate.batch.types import LineBlock, RowBlock
from headgate.types import Record

ID_CHARS = 12
"""Hex digits of a line's id: those of a template's, which it stands in for."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """The records of one block."""

    codes: NDArray[np.int32]
    """Shape (n,): position of each line or row among the records."""
    keys: list[bytes]
    """One a record; those of different bytes that read the same are equal."""
    records: list[Record]


def distinct_lines(block: LineBlock, field: str) -> Distinct:
    """Return the different lines of a block, in the order of their appearance.

    Args:
        block: Some lines.
        field: What the task calls a record's text.
    """
    encoded = block.content.dictionary_encode()
    lossy = np.zeros(len(encoded.dictionary), bool)
    codes = encoded.indices.to_numpy()
    if block.lossy is not None:
        firsts = first_rows(codes, len(lossy))
        lossy = block.lossy.take(pa.array(firsts)).to_numpy(zero_copy_only=False)
    records = [
        Record(_id(line), {field: line.decode("utf-8", "replace")}, lossy=odd)
        for line, odd in zip(encoded.dictionary.to_pylist(), lossy.tolist(), strict=True)
    ]
    return Distinct(codes, [key_of(record) for record in records], records)


def distinct_rows(block: RowBlock) -> Distinct:
    """Return the different records of a block, each with the id that it had first."""
    places: dict[bytes, int] = {}
    records: list[Record] = []
    codes = np.zeros(len(block.records), np.int32)
    for row, record in enumerate(block.records):
        place = places.setdefault(key_of(record), len(places))
        if place == len(records):
            records.append(record)
        codes[row] = place
    return Distinct(codes, list(places), records)


def _id(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:ID_CHARS]
