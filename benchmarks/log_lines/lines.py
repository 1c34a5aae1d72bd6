"""Realistic log lines by the million, made from the templates of the labelled sets.

DATA, seed  ->  LogLines: blocks of contents (lines,), or files of whole lines

Templates follow Zipf's law in the order of how often they were seen; values vary. The same seed
gives the same lines, however many are asked for at a time.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from io import BufferedWriter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from log_lines.sets import LogSet, find_sets, load_set
from log_lines.slots import line_maker

BLOCK = 250_000
"""Lines that are made together."""
FILE_BYTES = 200_000_000
"""About what one file holds, uncompressed."""

_LINES_PER_S = 1_000
_START_S = 1_767_225_600
"""2026-01-01 00:00:00 UTC, in seconds."""
_LEVELS = ("INFO",) * 17 + ("WARN",) * 2 + ("ERROR",)


class LogLines:
    """Lines of all systems, mixed."""

    def __init__(self, data: Path, seed: int) -> None:
        """Read the sets of a data folder; it takes a few seconds."""
        self._seed = seed
        rng = np.random.default_rng(seed)
        seen = _seen([load_set(path) for path in find_sets(data)])
        self._makers = [line_maker(template, contents, rng) for (_, template), contents in seen]
        self._headers = pa.array([_header(system, rng) for (system, _), _ in seen])
        ranks = np.arange(1, len(seen) + 1)
        self._shares = 1 / ranks / (1 / ranks).sum()

    def contents(self, count: int) -> Iterator[pa.LargeBinaryArray]:
        """Yield lines without headers, in blocks of `BLOCK`."""
        for content, _ in self._blocks(count):
            yield content

    def write(self, folder: Path, count: int, *, compressed: bool) -> list[Path]:
        """Write lines with log4j's headers to files in a folder, and return these.

        Args:
            folder: Where; it is there.
            count: Lines in all files together.
            compressed: Whether with gzip, as `.log.gz`; otherwise `.log`.
        """
        ending = ".log.gz" if compressed else ".log"
        files: list[Path] = []
        pieces = self._pieces(count)
        for piece in pieces:
            files.append(folder / f"lines-{len(files):03}{ending}")
            with _opened(files[-1], compressed=compressed) as file:
                written = file.write(piece)
                while written < FILE_BYTES and (more := next(pieces, None)):
                    written += file.write(more)
        return files

    def _pieces(self, count: int) -> Iterator[bytes]:
        """Yield blocks of whole lines as text."""
        first = 0
        for content, templates in self._blocks(count):
            times = _timestamps(first, len(content))
            headers = self._headers.take(pa.array(templates))
            line_ends = pa.scalar(b"\n", pa.large_binary())
            nothing = pa.scalar(b"", pa.large_binary())
            parts = (times, headers.cast(pa.large_binary()), content, line_ends, nothing)
            lines = pc.binary_join_element_wise(*parts)
            yield lines.buffers()[2].to_pybytes()
            first += len(content)

    def _blocks(self, count: int) -> Iterator[tuple[pa.LargeBinaryArray, np.ndarray]]:
        """Yield contents, and which template each is of; the last block is cut to the count."""
        for number, start in enumerate(range(0, count, BLOCK)):
            rng = np.random.default_rng((self._seed, number))
            templates = np.sort(rng.choice(len(self._makers), size=BLOCK, p=self._shares))
            counts = np.bincount(templates, minlength=len(self._makers)).tolist()
            made = [self._makers[own].make(wanted, rng) for own, wanted in enumerate(counts)]
            order = rng.permutation(BLOCK)[: count - start]
            yield pa.concat_arrays(made).take(pa.array(order)), templates[order]


def _seen(sets: Sequence[LogSet]) -> list[tuple[tuple[str, str], list[str]]]:
    """Return the lines of each system's templates, those of most lines first."""
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for own in sets:
        for template, content in zip(own.gold, own.contents, strict=True):
            lines[own.system, template].append(content)
    return sorted(lines.items(), key=lambda item: (-len(item[1]), item[0]))


def _header(system: str, rng: np.random.Generator) -> str:
    """Return the part of a header that is the same for all lines of a template."""
    return f" {rng.choice(_LEVELS)} {system.lower()}.Component{rng.integers(40)}: "


def _timestamps(first: int, count: int) -> pa.LargeBinaryArray:
    """Return the times of lines from the first on, a millisecond apart; shape (count,)."""
    seconds, thousandths = np.divmod(np.arange(first, first + count), _LINES_PER_S)
    numbers = np.unique(seconds)
    days = pa.array((_START_S + numbers) * 1_000_000, pa.timestamp("us"))
    texts = pc.strftime(days.cast(pa.timestamp("s")), format="%Y-%m-%d %H:%M:%S")
    fractions = pa.array([f",{each:03}" for each in range(_LINES_PER_S)])
    whole = texts.take(pa.array(seconds - numbers[0])), fractions.take(pa.array(thousandths))
    return pc.binary_join_element_wise(*whole, "").cast(pa.large_binary())


def _opened(path: Path, *, compressed: bool) -> gzip.GzipFile | BufferedWriter:
    """Open a file for writing; the same lines give the same bytes, compressed or not."""
    if compressed:
        return gzip.GzipFile(path, "wb", compresslevel=1, mtime=0)
    return path.open("wb")
