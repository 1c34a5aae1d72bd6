"""From lines to their shapes, without a step of Python for each line.

content (lines,)  ->  value words masked (lines,)  ->  different texts  ->  codes (lines,), shapes
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headgate.domains.log_templates.masks import shape_of
from headgate.domains.log_templates.words import Bytes, mask_values

_SLICE_BYTES = 256 * 1024
"""About what is masked in one go, so that its temporaries stay in a core's cache."""
_REMEMBERED = 65_536
"""Texts whose shapes are kept from block to block."""
_REMEMBERED_BYTES = 512
"""The longest of them."""
_NEWLINE = 10


def shape_block(content: pa.LargeBinaryArray) -> tuple[NDArray[np.int32], pa.LargeBinaryArray]:
    """Return which shape each line has, and the shapes.

    A shape is the line with `0` in the place of each value and single blanks. It depends on the
    line alone, so blocks may be cut anywhere and be worked on in any order.

    Args:
        content: Shape (lines,), without nulls. Any bytes; a line end within is a blank.

    Returns:
        codes, shape (lines,): positions in shapes, which are in the order of their first lines.
        shapes, shape (shapes,): all different.
    """
    if not len(content):
        return np.zeros(0, np.int32), pa.array([], pa.large_binary())
    encoded = pa.chunked_array(list(_masked(content))).dictionary_encode()
    places: dict[bytes, int] = {}
    shape_codes = [
        places.setdefault(_shape_of(text), len(places))
        for text in encoded.chunk(encoded.num_chunks - 1).dictionary.to_pylist()
    ]
    text_codes = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    return np.array(shape_codes, np.int32)[text_codes], pa.array(list(places), pa.large_binary())


def _shape_of(text: bytes) -> bytes:
    return _known_shape(text) if len(text) <= _REMEMBERED_BYTES else shape_of(text)


_known_shape = lru_cache(_REMEMBERED)(shape_of)


def _masked(content: pa.LargeBinaryArray) -> Iterator[pa.LargeBinaryArray]:
    """Yield the lines with their value words masked; a line end may be left at theirs."""
    text, ends = _joined(content)
    start = first = 0
    while first < len(ends):
        last = max(first, int(np.searchsorted(ends, start + _SLICE_BYTES)) - 1)
        yield _lines_of(mask_values(text[start : ends[last]]))
        start, first = int(ends[last]) + 1, last + 1


def _joined(content: pa.LargeBinaryArray) -> tuple[Bytes, NDArray[np.int64]]:
    """Return the lines as one text, with a line end between two, and where each ends."""
    everything = pa.LargeListArray.from_arrays(pa.array([0, len(content)]), content)
    joined = pc.binary_join(everything, pa.scalar(b"\n", pa.large_binary()))[0]
    text = np.frombuffer(joined.as_buffer(), np.uint8)
    if np.count_nonzero(text == _NEWLINE) >= len(content):
        return _joined(pc.replace_substring(content, pattern="\n", replacement=" "))
    offsets = np.frombuffer(content.buffers()[1], np.int64)
    own = offsets[content.offset : content.offset + len(content) + 1]
    return text, own[1:] - own[0] + np.arange(len(content))


def _lines_of(text: Bytes) -> pa.LargeBinaryArray:
    """Return the lines of a text; all but the last have their line end."""
    offsets = np.concatenate(([0], np.flatnonzero(text == _NEWLINE) + 1, [len(text)]))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
