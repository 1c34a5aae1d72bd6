"""Files of tables that a row names, found below the folder of the rows and nowhere else.

"tables/a.csv", "rows.jsonl:3"  ->  the file's text
"""

from __future__ import annotations

from pathlib import Path

from headgate.domains.schemas.tables.limits import MAX_TABLE_BYTES
from headgate.errors import InputError

SUFFIXES = (".csv", ".tsv", ".json")
"""Of files that are text; Arrow files go to the service as they are."""


def table_text(value: str, place: str) -> str:
    """Return a table's text: the value itself, or the content of the file that it names.

    Args:
        value: CSV or JSON text, or a path that is one line and ends like a table's file.
        place: `file:number` of the row; paths start at the file's folder.

    Raises:
        InputError: The file is not below that folder, is not there, or is too large.
    """
    if "\n" in value or not value.strip().casefold().endswith(SUFFIXES):
        return value
    folder = Path(place.rpartition(":")[0]).parent
    path = _confined(folder, value.strip(), place)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        problem = f"the table {value!r} cannot be read ({type(error).__name__})"
        raise InputError(place, problem, "Check the path; it starts at the rows' folder.") from None
    if len(content) > MAX_TABLE_BYTES:
        problem = f"the table {value!r} is larger than {MAX_TABLE_BYTES} bytes"
        raise InputError(place, problem, "Send a sample of its rows.")
    return content.decode("utf-8-sig", "replace")


def _confined(folder: Path, name: str, place: str) -> Path:
    """Return the file's path; what leads out of the folder, by `..` or a link, is refused."""
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        problem = f"the table {name!r} is not below the folder of the rows"
        raise InputError(place, problem, "Keep tables there, and name them from there.")
    return path
