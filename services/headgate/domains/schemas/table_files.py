"""Files of tables that a row names, found below the folder of the rows and nowhere else.

"tables/a.csv", "rows.jsonl:3"  ->  the file's text
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

from headgate.domains.schemas.tables.limits import MAX_TABLE_BYTES
from headgate.domains.schemas.tables.text import text_of
from headgate.errors import InputError

SUFFIXES = (".csv", ".tsv", ".json")
"""Of files that are text; Arrow files go to the service as they are."""
STDIN = Path("/dev/stdin")
"""Rows that are piped in have no folder: what they name is found below the working directory."""
KEPT_FILES = 4
"""Files whose text is kept: most rows of a file name one target."""

_JSON_STARTS = ("{", "[")
_BETWEEN_CELLS = ",;\t|"
_LONGEST_SHOWN = 200
"""Characters of a name in a message."""


def table_text(value: str, place: str) -> str:
    """Return a table's text: the value itself, or the content of the file that it names.

    What is one line is a path, unless it is JSON or a header of several names.

    Args:
        value: CSV or JSON text, or a path.
        place: `file:number` of the row; paths start at the file's folder.

    Raises:
        InputError: What is named is no file of a table below that folder, cannot be read, is too
            large or no text.
    """
    name = value.strip()
    if not name or "\n" in value or name.startswith(_JSON_STARTS):
        return value
    if not name.casefold().endswith(SUFFIXES):
        if any(mark in name for mark in _BETWEEN_CELLS):
            return value
        remedy = f"Write CSV of several lines, JSON, or a path that ends in {', '.join(SUFFIXES)}."
        raise InputError(place, "a table is neither a text nor the path of one", remedy)
    path = _confined(_folder(place), name, place)
    try:
        about = path.stat()
        return _content(path, about.st_size, about.st_mtime_ns)
    except InputError as error:
        problem = f"the table {_shown(name)}: {error.problem}"
        raise InputError(place, problem, error.remedy) from None
    except OSError as error:
        problem = f"the table {_shown(name)} cannot be read ({type(error).__name__})"
        raise InputError(place, problem, "Check the path; it starts at the rows' folder.") from None


def _folder(place: str) -> Path:
    """Return where the paths of a row start."""
    file = place.rpartition(":")[0]
    if "://" in file:
        problem = "a table is named by its path, and the rows are not on this machine"
        raise InputError(place, problem, "Write the table itself into the row.")
    return Path.cwd() if Path(file) == STDIN else Path(file).parent


def _confined(folder: Path, name: str, place: str) -> Path:
    """Return the file's path; what leads out of the folder, by its name or a link, is refused."""
    parts = PurePosixPath(name)
    inside = not parts.is_absolute() and ".." not in parts.parts and "://" not in name
    try:
        path = (folder / name).resolve()
        inside = inside and path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        problem = f"the table {_shown(name)} is not below the folder of the rows"
        raise InputError(place, problem, "Keep tables there, and name them from there.")
    return path


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


@lru_cache(maxsize=KEPT_FILES)
def _content(path: Path, size_bytes: int, changed_ns: int) -> str:
    """Return a file's text; all rows that name it share the one that is kept.

    Args:
        path: The file.
        size_bytes: Its size; with the time it tells one version of the file from another.
        changed_ns: When it was written.
    """
    del size_bytes, changed_ns
    if not path.is_file():
        raise InputError("", "it is no file", "Name one that is.")
    with path.open("rb") as file:
        content = file.read(MAX_TABLE_BYTES + 1)
    if len(content) > MAX_TABLE_BYTES:
        problem = f"it is larger than {MAX_TABLE_BYTES} bytes"
        raise InputError("", problem, "Keep a sample of its rows.")
    return text_of(content, "").open().read()
