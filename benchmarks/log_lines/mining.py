"""How many lines a second are sorted into templates, by us and by drain3.

blocks of contents (lines,)  ->  the template of every line  ->  lines a second
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.domains.log_templates import Templates, mine, shape_block
from log_lines.lines import LogLines
from log_lines.peer import Drain3, Masking

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


def drain3_rates(lines: LogLines, count: int) -> dict[Masking, float]:
    """Return the lines a second that drain3 puts into templates, in its one thread.

    With masks, as where its accuracy is measured, and without. Without, it gets slower as it goes:
    it finds ten times as many templates in a million lines.
    """
    contents = pa.chunked_array(lines.contents(count)).to_pylist()
    texts = [each.decode("utf-8", "replace") for each in contents]
    with Drain3() as drain3:
        return {masking: drain3.parse(texts, masking).lines_per_s for masking in get_args(Masking)}


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
