"""How many lines a second are sorted into templates, by us and by drain3.

blocks of contents (lines,)  ->  the template of every line  ->  lines a second
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.domains.log_templates import Templates, mine, shape_block
from log_lines.peer import Drain3

WORKERS = 2

Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class MiningRates:
    """The figures of one comparison."""

    mining_lines_per_s: float
    drain3_lines_per_s: float


def compare(
    blocks: Sequence[pa.LargeBinaryArray], drain3: Drain3, *, sample: int = 1_000_000
) -> MiningRates:
    """Return the rates at which both tools find the template of every line.

    Args:
        blocks: Lines without headers, in memory.
        drain3: The peer, installed; with masks, as where its accuracy is measured. Without, it
            takes half the time a line at first, and longer than with them after a million.
        sample: How many of the first lines it gets.
    """
    started = time.perf_counter()
    _, places = mine_blocks(blocks)
    ours = sum(map(len, places)) / (time.perf_counter() - started)
    first = pa.chunked_array(blocks)[:sample].to_pylist()
    theirs = drain3.parse([line.decode("utf-8", "replace") for line in first], "documented")
    return MiningRates(ours, theirs.lines_per_s)


def mine_blocks(
    blocks: Sequence[pa.LargeBinaryArray], workers: int = WORKERS
) -> tuple[Templates, list[Places]]:
    """Return the templates of lines, and of each block which one each line has."""
    with ThreadPoolExecutor(workers) as pool:
        shaped = list(pool.map(shape_block, blocks))
    texts = [shapes.to_pylist() for _, shapes in shaped]
    counts: Counter[bytes] = Counter()
    for (codes, _), own in zip(shaped, texts, strict=True):
        counts.update(dict(zip(own, np.bincount(codes).tolist(), strict=True)))
    templates = mine(list(counts), list(counts.values()))
    place_of = dict(zip(counts, templates.assign(counts).tolist(), strict=True))
    tables = [np.array([place_of[shape] for shape in own], np.int32) for own in texts]
    return templates, [table[codes] for (codes, _), table in zip(shaped, tables, strict=True)]
