"""From the shapes of each unit's lines to the templates of all of them.

LineBlock -> UnitShapes: code (lines,) + shape, count, first line (shapes) -> items of the unit
items of all units -> sorted shapes -> mine -> Templates; which template each shape is of
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.durable import replacing
from headgate.batch.outputs.columns import first_rows
from headgate.batch.spool import UnitSpool, reading, writing
from headgate.batch.types import LineBlock
from headgate.domains.log_templates import Templates, mine, shape_block
from headgate.types import Record

SHAPES = pa.schema(
    [
        ("shape", pa.large_binary()),
        ("count", pa.int64()),
        ("example", pa.large_binary()),
        ("lossy", pa.bool_()),
    ]
)
"""Items of a unit of lines: each shape with its lines' number and the first of them."""
_AT_ONCE = 65_536
"""Shapes in one batch of the file."""


class UnitShapes:
    """The different shapes in one unit, in the order of their first lines."""

    def __init__(self) -> None:
        self._codes: dict[bytes, int] = {}
        self._counts: list[int] = []
        self._examples: list[tuple[bytes, bool]] = []

    def take(self, block: LineBlock) -> NDArray[np.int32]:
        """Return which shape each line has, shape (lines,), and remember new ones."""
        own, shapes = shape_block(block.content)
        counts = np.bincount(own, minlength=len(shapes)).tolist()
        firsts = first_rows(own, len(shapes))
        texts = shapes.to_pylist()
        codes = np.zeros(len(shapes), np.int32)
        for place in np.argsort(firsts, kind="stable").tolist():
            code = self._codes.setdefault(texts[place], len(self._codes))
            if code == len(self._counts):
                self._counts.append(0)
                self._examples.append(_line(block, int(firsts[place])))
            self._counts[code] += counts[place]
            codes[place] = code
        return codes[own]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield what the unit's file of items holds."""
        shapes = list(self._codes)
        for start in range(0, len(shapes), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            examples, lossy = zip(*self._examples[part], strict=True)
            columns = [shapes[part], self._counts[part], examples, lossy]
            arrays = [
                pa.array(values, each.type) for values, each in zip(columns, SHAPES, strict=True)
            ]
            yield pa.record_batch(arrays, schema=SHAPES)

    def save(self, spool: UnitSpool) -> None:
        """Write the unit's items."""
        with writing(spool.items, SHAPES) as write:
            for batch in self.batches():
                write(batch)


@dataclass(frozen=True, slots=True)
class Mined:
    """The templates of a job, with a line of each."""

    templates: Templates
    examples: Sequence[tuple[bytes, bool]]
    """Of each template its earliest line, and whether that is not UTF-8."""

    def records(self, field: str) -> list[Record]:
        """Return what a cascade is asked, one record a template, under its id."""
        return [
            Record(template.id, {field: line.decode("utf-8", "replace")}, lossy=lossy)
            for template, (line, lossy) in zip(self.templates, self.examples, strict=True)
        ]


def mine_templates(spools: Sequence[UnitSpool]) -> Mined:
    """Return the templates of all units; note beside each which template its shapes are of.

    The shapes are mined sorted and together: neither how the input was cut nor which unit was
    read first makes a difference.

    Raises:
        OSError: The spool cannot be read or written.
    """
    counts = _counted(spools)
    shapes = sorted(counts)
    templates = mine(shapes, [counts[shape] for shape in shapes])
    places = templates.assign(shapes)
    template_of = dict(zip(shapes, places.tolist(), strict=True))
    examples: dict[int, tuple[bytes, bool]] = {}
    for spool in spools:
        _note_templates(spool, template_of, examples)
    return Mined(templates, [examples[place] for place in range(len(templates))])


def _counted(spools: Iterable[UnitSpool]) -> dict[bytes, int]:
    counts: dict[bytes, int] = {}
    for spool in spools:
        for batch in reading(spool.items):
            pairs = zip(batch["shape"].to_pylist(), batch["count"].to_pylist(), strict=True)
            for shape, count in pairs:
                counts[shape] = counts.get(shape, 0) + count
    return counts


def _note_templates(
    spool: UnitSpool, template_of: dict[bytes, int], examples: dict[int, tuple[bytes, bool]]
) -> None:
    """Write down which template each shape of a unit is of; take the first line of new ones."""
    found: list[int] = []
    for batch in reading(spool.items):
        own = [template_of[shape] for shape in batch["shape"].to_pylist()]
        found += own
        # Shapes are in the order of their first lines, and units in that of the input.
        for row, template in enumerate(own):
            if template not in examples:
                examples[template] = (batch["example"][row].as_py(), batch["lossy"][row].as_py())
    with replacing(spool.templates) as partial, partial.open("wb") as file:
        np.save(file, np.array(found, np.int32), allow_pickle=False)


def _line(block: LineBlock, place: int) -> tuple[bytes, bool]:
    lossy = block.lossy is not None and bool(block.lossy[place].as_py())
    return block.content[place].as_py(), lossy
