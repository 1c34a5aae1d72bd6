"""What varies in the lines of a template, and new values like those seen.

template, contents  ->  constants (slots + 1,), values seen (slots,)  ->  pools of new values
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

WILDCARD = "<*>"
POOL = 2_048
"""Values of one slot."""

_MANY_WORDS = 10
"""Different words in a slot from which on there are more than the sample shows."""
_NEW_WORDS = 0.5
"""Share of these that the sample does not show."""
_HEXADECIMAL = re.compile(r"(?:0x)?[0-9a-f]{4,}")

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LineMaker:
    """Makes lines of one template."""

    constants: tuple[bytes, ...]
    """What stands before, between and behind the slots."""
    pools: tuple[pa.LargeBinaryArray, ...]
    """Of each slot, shape (`POOL`,)."""

    def make(self, count: int, rng: np.random.Generator) -> pa.LargeBinaryArray:
        """Return lines whose slots are filled independently of one another."""
        parts: list[pa.Array | pa.Scalar] = [_scalar(self.constants[0])]
        for pool, constant in zip(self.pools, self.constants[1:], strict=True):
            parts += [pool.take(pa.array(rng.integers(len(pool), size=count))), _scalar(constant)]
        if not self.pools:
            return pa.repeat(parts[0], count)
        return pc.binary_join_element_wise(*parts, _scalar(b""))


def line_maker(template: str, contents: Sequence[str], rng: np.random.Generator) -> LineMaker:
    """Return what makes lines like these.

    A template that does not match its own lines has whole lines for values.
    """
    constants = template.split(WILDCARD)
    pattern = re.compile("(.*?)".join(map(re.escape, constants)), re.DOTALL)
    matches = [pattern.fullmatch(content) for content in contents]
    if not all(matches):
        return LineMaker((b"", b""), (_pool(sorted(set(contents)), rng),))
    columns = zip(*(match.groups() for match in matches if match), strict=True)
    pools = tuple(_pool(sorted(set(column)), rng) for column in columns)
    return LineMaker(tuple(constant.encode() for constant in constants), pools)


def _pool(seen: Sequence[str], rng: np.random.Generator) -> pa.LargeBinaryArray:
    """Return values like those seen: other digits, and more words where there were many."""
    chosen = [seen[place] for place in rng.integers(len(seen), size=POOL)]
    renamed = np.zeros(POOL, bool)
    if sum(map(str.isalpha, seen)) >= _MANY_WORDS:
        renamed = rng.random(POOL) < _NEW_WORDS
    hexadecimal = np.array([bool(_HEXADECIMAL.fullmatch(value)) for value in chosen])
    values = pa.array([value.encode() for value in chosen], pa.large_binary())
    return _varied(values, renamed, hexadecimal, rng)


def _varied(
    values: pa.LargeBinaryArray, renamed: Flags, hexadecimal: Flags, rng: np.random.Generator
) -> pa.LargeBinaryArray:
    """Return values with other digits, and some with other small letters too.

    Args:
        values: Shape (values,).
        renamed: Shape (values,): where letters become any letters.
        hexadecimal: Shape (values,): where they become letters from a to f.
        rng: Of the draw.
    """
    _, offsets, data = values.buffers()
    text = np.frombuffer(data, np.uint8).copy()
    edges = np.frombuffer(offsets, np.int64)
    lengths = edges[1:] - edges[:-1]
    small = (text >= ord("a")) & (text <= ord("z"))
    prefix = np.append(text[1:] == ord("x"), False) & (text == ord("0"))
    # No new zeros: leading ones would not be written.
    _redraw(text, (text >= ord("0")) & (text <= ord("9")) & ~prefix, b"123456789", rng)
    _redraw(text, small & np.repeat(renamed, lengths), b"abcdefghijklmnopqrstuvwxyz", rng)
    prefix = np.append(False, prefix[:-1])
    _redraw(text, small & np.repeat(hexadecimal, lengths) & ~prefix, b"abcdef", rng)
    return pa.Array.from_buffers(values.type, len(values), [None, offsets, pa.py_buffer(text)])


def _redraw(
    text: NDArray[np.uint8], places: Flags, members: bytes, rng: np.random.Generator
) -> None:
    """Put random ones of some bytes at places of a text."""
    drawn = rng.integers(len(members), size=int(places.sum()))
    text[places] = np.frombuffer(members, np.uint8)[drawn]


def _scalar(value: bytes) -> pa.Scalar:
    return pa.scalar(value, pa.large_binary())
