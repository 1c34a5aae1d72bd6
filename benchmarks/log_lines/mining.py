"""How many lines a second are sorted into templates, by us and by drain3.

blocks of contents (lines,)  ->  the template of every line  ->  lines a second
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.domains.log_templates import Templates, mine, shape_block
from log_lines.lines import LogLines
from log_lines.peer import Drain3

WORKERS = 2

Places = NDArray[np.int32]


def mining_rate(data: Path, seed: int, lines: int) -> float:
    """Return the lines a second that we put into templates.

    To be called in a process of its own: what was seen of shapes is remembered.

    Args:
        data: Folder with the labelled sets.
        seed: Of the lines.
        lines: How many; all of them are in memory before the clock starts.
    """
    blocks = list(LogLines(data, seed).contents(lines))
    started = time.perf_counter()
    _, places = mine_blocks(blocks)
    return sum(map(len, places)) / (time.perf_counter() - started)


def drain3_rate(lines: LogLines, count: int) -> float:
    """Return the lines a second that drain3 puts into templates, on a single core as it is made.

    It has masks, as where its accuracy is measured. Without, it takes half the time a line at
    first, and longer than with them after a million.
    """
    contents = pa.chunked_array(lines.contents(count)).to_pylist()
    with Drain3() as drain3:
        parsed = drain3.parse([each.decode("utf-8", "replace") for each in contents], "documented")
    return parsed.lines_per_s


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
