"""The rows of each unit under their final names, whole or not at all.

tables of a unit -> hidden files beside the place -> fsync -> renamed: `part-00017.parquet`

A unit that goes into several folders has one moment of commit as well: a hidden list of its files,
written when all of them are on the disk. What a killed process left is finished where there is a
list, and removed where there is none.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from headgate.batch.durable import private_folder, sync, write_json
from headgate.batch.outputs.encoding import Encoder, ShardFormat, encoder, row_groups
from headgate.batch.outputs.partition import Part, partitioned
from headgate.errors import InputError

_PARTIAL = ".partial"
_LIST = ".commit"


@dataclass(frozen=True, slots=True)
class Shard:
    """What was written of one unit."""

    unit: int
    rows: int
    files: tuple[str, ...]
    """Below the folder of all shards, in order; none for a unit without rows in folders."""
    size_bytes: int


class ShardWriter:
    """Writes shards into one folder; may be used by many threads and processes at once."""

    def __init__(self, folder: Path, format_: ShardFormat, *, partition_by: str = "") -> None:
        """Make the folder, private to its owner.

        Args:
            folder: Where all shards go; what else is in it stays.
            format_: Of all of them.
            partition_by: A column whose values become folders; none when empty.

        Raises:
            OSError: It cannot be made.
        """
        self._folder, self._format, self._by = folder, format_, partition_by
        private_folder(folder)

    def write(self, unit: int, tables: Iterable[pa.Table]) -> Shard:
        """Write the rows of a unit and commit them.

        Writing the same rows again changes nothing, and gives the same bytes.

        Args:
            unit: Its number.
            tables: Its rows in order, of one schema; at least one table, which may be empty.

        Raises:
            InputError: Rows that are not these were committed before, or the partition cannot be.
            OSError: The disk is full or fails. Nothing of the unit is under its final name, or
                its list is written and `recover` ends what was begun.
        """
        draft = _Draft(self._folder, f"{stem(unit)}.{self._format}", self._format)
        rows = 0
        with draft:
            for table in row_groups(tables):
                rows += table.num_rows
                for part in self._parts(table):
                    draft.add(part)
            files = draft.finish()
            self._refuse_others(unit, files)
            size_bytes = sum(partial.stat().st_size for partial in files.values())
            draft.commit(files)
        names = tuple(_below(self._folder, final) for final in files)
        return Shard(unit, rows, names, size_bytes)

    def _parts(self, table: pa.Table) -> Iterable[Part]:
        return partitioned(table, self._by) if self._by else [Part("", table)]

    def _refuse_others(self, unit: int, files: Mapping[Path, Path]) -> None:
        """Refuse to replace rows, or to add to them."""
        there = shard_files(self._folder, unit)
        others = [path for path in there if path not in files or not _equal(files[path], path)]
        if others or (there and len(there) < len(files)):
            place = str(others[0] if others else self._folder)
            problem = f"there are other rows of unit {unit}"
            raise InputError(place, problem, "Write the job into another directory.")


def stem(unit: int) -> str:
    """Return the name of a unit's files without what tells the format."""
    return f"part-{unit:05d}"


def shard_files(folder: Path, unit: int) -> list[Path]:
    """Return the committed files of a unit, in order."""
    name = f"{stem(unit)}.*"
    return sorted([*folder.glob(name), *folder.glob(f"*=*/{name}")])


def recover(folder: Path) -> None:
    """Finish the units that were committed and remove what others left.

    To be called while nobody writes.

    Raises:
        OSError: The disk fails.
        InputError: A list of files names one that is elsewhere.
    """
    for found in sorted(folder.glob(f".*{_LIST}")):
        _carry_out(folder, found)
    for partial in [*folder.glob(f".*{_PARTIAL}"), *folder.glob(f"*=*/.*{_PARTIAL}")]:
        partial.unlink()


def _equal(some: Path, other: Path) -> bool:
    return filecmp.cmp(some, other, shallow=False)


class _Draft:
    """The hidden files of a unit, one a folder; gone at the end unless they were committed."""

    def __init__(self, folder: Path, name: str, format_: ShardFormat) -> None:
        self._folder, self._name, self._format = folder, name, format_
        self._files: dict[str, tuple[Path, BinaryIO]] = {}
        self._encoders: dict[str, Encoder] = {}

    def __enter__(self) -> _Draft:
        return self

    def __exit__(self, *_: object) -> None:
        for folder, (partial, stream) in self._files.items():
            if not stream.closed:
                _close_unwritten(stream, self._encoders.get(folder))
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def add(self, part: Part) -> None:
        """Write rows to the file of their folder."""
        if part.folder not in self._encoders:
            stream = self._start(part.folder)
            self._encoders[part.folder] = encoder(self._format, stream, part.table.schema)
        self._encoders[part.folder].write(part.table)

    def finish(self) -> dict[Path, Path]:
        """Wait until all files are on the disk; return them by their final names, in order."""
        for folder, (_, stream) in self._files.items():
            self._encoders[folder].close()
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
        return {
            self._folder / folder / self._name: self._files[folder][0]
            for folder in sorted(self._files)
        }

    def commit(self, files: Mapping[Path, Path]) -> None:
        """Give the files their final names, all of them or none."""
        named = {
            _below(self._folder, final): _below(self._folder, partial)
            for final, partial in files.items()
        }
        if len(named) < 2:
            _rename(self._folder, named)
            return
        listed = self._folder / f".{self._name}{_LIST}"
        try:
            write_json(listed, named)
        finally:
            if listed.exists():
                self._files.clear()  # from here on they belong to the list
        _carry_out(self._folder, listed)

    def _start(self, name: str) -> BinaryIO:
        folder = self._folder / name
        if folder.is_symlink():
            raise InputError(str(folder), "is a link, and may lead elsewhere", "Remove it.")
        private_folder(folder)
        # Of a name that nobody else has: a worker that was given up may still be writing.
        handle, partial = tempfile.mkstemp(_PARTIAL, f".{self._name}.", folder)
        stream = os.fdopen(handle, "wb")
        self._files[name] = (Path(partial), stream)
        return stream


def _close_unwritten(stream: BinaryIO, encoder_: Encoder | None) -> None:
    """Close a file that will be removed, without writing what it still waits for."""
    with open(os.devnull, "wb") as nowhere:
        # A Parquet writer cannot be dropped: as it goes it writes its index, now or much later.
        os.dup2(nowhere.fileno(), stream.fileno())
    if encoder_ is not None:
        encoder_.close()
    stream.close()


def _carry_out(folder: Path, listed: Path) -> None:
    """Rename what a list says is on the disk, as far as it was not renamed before."""
    _rename(folder, json.loads(listed.read_text(encoding="utf-8")))
    listed.unlink()
    sync(folder)


def _rename(folder: Path, named: Mapping[str, str]) -> None:
    """Give files their final names, all below the folder, and wait for the disk."""
    for final, partial in named.items():
        source, target = _inside(folder, partial), _inside(folder, final)
        if source.exists() or not target.exists():
            source.replace(target)
    for parent in sorted({(folder / final).parent for final in named} | {folder}):
        sync(parent)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a name that does not lead out of the folder."""
    path = folder / name
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(str(folder), "a file of it would be elsewhere", "Remove links from it.")
    return path


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
