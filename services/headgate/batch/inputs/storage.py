"""Files on this machine and behind any URL of fsspec, through one narrow seam.

pattern -> store_of -> Store: paths(path), about(path), open(path) -> Source: read(size_bytes)
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Protocol, Self

import fsspec
from fsspec.implementations.local import LocalFileSystem

from headgate.artifact.remote import shown
from headgate.errors import InputError

_MARKS = ("ETag", "etag", "md5", "mtime", "LastModified", "last_modified", "created")
"""What stores call the tag or time that changes with a file."""
_ANY_DEPTH = "**"
_READABLE = "Check the location and who may read it."


@dataclass(frozen=True, slots=True)
class About:
    """What a store says of a file without opening it."""

    size_bytes: int
    mark: str
    """Differs when the file has been written since; empty when the store does not tell."""
    modified_s: float
    """Unix time; 0 when the store does not tell."""


class Store(Protocol):
    """A file system, as far as a batch needs one."""

    def paths(self, pattern: str) -> list[str]:
        """Return the files a file's name, a directory or a glob stands for; maybe none."""

    def about(self, path: str) -> About:
        """Return size and time of a file."""

    def open(self, path: str) -> BinaryIO:
        """Open a file to read its bytes."""

    def place(self, path: str) -> str:
        """Return the path as a message or a column may show it."""

    def key(self, path: str) -> str:
        """Return what two names of one file have in common."""


class Source:
    """An open file whose errors name it."""

    def __init__(self, store: Store, path: str, place: str) -> None:
        self._place = place
        # A store may close its files when nobody holds it any more; that of an archive does.
        self._store = store
        try:
            self.stream = store.open(path)
        except Exception as error:  # a driver may raise anything: this is the border
            raise unreadable(self._place, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def read(self, size_bytes: int) -> bytes:
        """Return up to so many bytes; none at the end of the file.

        Raises:
            InputError: The file cannot be read there.
        """
        try:
            return self.stream.read(size_bytes)
        except Exception as error:  # a driver may raise anything: this is the border
            raise unreadable(self._place, error) from error

    def seek(self, offset: int) -> None:
        """Go to a byte of the file."""
        self.stream.seek(offset)


def store_of(pattern: str) -> tuple[Store, str]:
    """Return the store of a pattern, and the pattern within it.

    Raises:
        InputError: There is no driver for the URL.
    """
    if "://" not in pattern:
        return LocalStore(named=pattern), os.path.abspath(os.path.expanduser(pattern))
    try:
        files, path = fsspec.core.url_to_fs(pattern)
    except Exception as error:  # a driver may raise anything: this is the border
        problem = f"the URL cannot be used ({type(error).__name__})"
        remedy = "Check it, and install the driver of fsspec for it."
        raise InputError(printable(shown(pattern)), problem, remedy) from error
    if isinstance(files, LocalFileSystem):
        return LocalStore(named=path), path
    return RemoteStore(files, chained_to=pattern.partition("::")[2]), path


def unreadable(place: str, error: Exception) -> InputError:
    """Return our error; of theirs only the type is told, for its text can hold a key."""
    return InputError(place, f"it cannot be read ({type(error).__name__})", _READABLE)


def printable(text: str) -> str:
    """Return a path with escapes for what is no text: bytes that are not UTF-8, controls."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)


class LocalStore:
    """The files of this machine."""

    def __init__(self, named: str = "") -> None:
        # A path is shown as it was named: relative to where the command was given.
        named = os.path.expanduser(named)
        self._relative_to = "" if os.path.isabs(named) else os.getcwd()

    def place(self, path: str) -> str:
        """Return the path; relative if its pattern was."""
        return printable(os.path.relpath(path, self._relative_to) if self._relative_to else path)

    def key(self, path: str) -> str:
        """Return the path behind links."""
        return os.path.realpath(path)

    def about(self, path: str) -> About:
        """Return size and time of a file.

        Raises:
            InputError: It is a pipe, a device or the like, which a resume could not read again.
        """
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise InputError(self.place(path), "it is no file", "Write what it gives to a file.")
        return About(found.st_size, str(found.st_mtime_ns), found.st_mtime)

    def open(self, path: str) -> BinaryIO:
        """Open a file, without a buffer: reads are large."""
        return open(path, "rb", buffering=0)

    def paths(self, pattern: str) -> list[str]:
        """Return the regular files; in directories all below, except those that are hidden."""
        # A file may be called `a[1].log`: what exists under a name is that, and no glob.
        if os.path.lexists(pattern):
            return list(self._below(pattern, set()))
        if _ANY_DEPTH in pattern.split(os.sep):
            return self._at_any_depth(pattern.split(os.sep))
        return [path for name in sorted(glob.glob(pattern)) for path in self._below(name, set())]

    def _at_any_depth(self, names: Sequence[str]) -> list[str]:
        """Return what fits a pattern with `**`; `glob` would never end where links make loops."""
        plain = list(takewhile(lambda name: not glob.has_magic(name), names))
        top = os.sep.join(plain) or os.sep
        if not os.path.isdir(top):
            return []
        below = self._below(top, set())
        return [path for path in below if _fits(path.split(os.sep), names)]

    def _below(self, path: str, seen: set[tuple[int, int]]) -> Iterator[str]:
        """Go through a directory by name; links are followed, and a directory is entered once."""
        if not os.path.isdir(path):
            yield path
            return
        found = os.stat(path)
        if (found.st_dev, found.st_ino) in seen:
            return
        seen.add((found.st_dev, found.st_ino))
        for name in sorted(self._names(path)):
            below = os.path.join(path, name)
            if os.path.isdir(below):
                yield from self._below(below, seen)
            elif _is_regular(below):
                yield below

    def _names(self, directory: str) -> list[str]:
        try:
            return [name for name in os.listdir(directory) if not name.startswith(".")]
        except OSError as error:
            raise unreadable(self.place(directory), error) from error


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the names of a path are those of a pattern, `**` being any number."""
    if not pattern:
        return not names
    if pattern[0] == _ANY_DEPTH:
        return any(_fits(names[skipped:], pattern[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def _is_regular(path: str) -> bool:
    """Return whether it can be read twice; a link to nothing, a pipe or a device cannot."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


class _Driver(Protocol):
    """What we ask of a file system of fsspec."""

    def unstrip_protocol(self, name: str) -> str: ...
    def info(self, path: str) -> dict[str, Any]: ...
    def modified(self, path: str) -> datetime: ...
    def open(self, path: str, mode: str) -> BinaryIO: ...
    def exists(self, path: str) -> bool: ...
    def isdir(self, path: str) -> bool: ...
    def glob(self, path: str) -> list[str]: ...
    def find(self, path: str) -> list[str]: ...


class RemoteStore:
    """The files behind a driver of fsspec."""

    def __init__(self, files: _Driver, chained_to: str = "") -> None:
        self._files = files
        self._chained_to = f"::{chained_to}" if chained_to else ""

    def place(self, path: str) -> str:
        """Return the URL without user, password or signature."""
        return printable(shown(self.key(path)))

    def key(self, path: str) -> str:
        """Return the whole URL."""
        return self._files.unstrip_protocol(path) + self._chained_to

    def about(self, path: str) -> About:
        """Return size and time, or tag, of a file."""
        found = self._files.info(path)
        mark = next((str(found[key]) for key in _MARKS if found.get(key) is not None), "")
        return About(int(found["size"] or 0), mark, self._modified_s(path))

    def _modified_s(self, path: str) -> float:
        try:
            return self._files.modified(path).timestamp()
        except Exception:  # noqa: BLE001 - many drivers do not tell, each in its own way
            return 0.0

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        return self._files.open(path, "rb")

    def paths(self, pattern: str) -> list[str]:
        """Return the files; in directories all below, except those that are hidden."""
        try:
            named = [pattern] if self._files.exists(pattern) else self._files.glob(pattern)
            return [path for name in sorted(named) for path in self._below(name)]
        except Exception as error:  # a driver may raise anything: this is the border
            raise unreadable(self.place(pattern), error) from error

    def _below(self, path: str) -> list[str]:
        if not self._files.isdir(path):
            return [path]
        return [each for each in sorted(self._files.find(path)) if not _is_hidden(each, path)]


def _is_hidden(path: str, below: str) -> bool:
    parts = PurePosixPath(path.removeprefix(below)).parts
    return any(part.startswith(".") for part in parts)
