"""Tables in whatever form they come.

bytes -> size -> format -> read_csv | read_arrow | read_json -> ReadTable
GivenTable -> its columns, or its bytes -> ReadTable
"""

from __future__ import annotations

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.tables.arrow_table import read_arrow
from headgate.domains.schemas.tables.csv_table import read_csv
from headgate.domains.schemas.tables.json_table import read_json
from headgate.domains.schemas.tables.limits import check_columns, check_size, rows_read
from headgate.domains.schemas.tables.sniff import TableFormat, sniff_format
from headgate.domains.schemas.tables.values import ReadTable
from headgate.errors import InputError
from headgate.matches import GivenColumn, GivenTable


def read_table(
    content: bytes,
    name: str,
    *,
    place: str,
    format: TableFormat | None = None,  # noqa: A002 - what it is called everywhere
) -> ReadTable:
    """Return the table that a file holds, with a bounded sample of its values.

    At most 100,000 rows and 1,000,000 cells are read. A table without rows is one; so is one with
    columns of nulls, without names or with one name twice.

    Args:
        content: The file's bytes; at most 64 MiB, of JSON 16 MiB.
        name: What the table is called.
        place: What an error says before its problem, such as the file's path.
        format: How it is written; by its first bytes when None.

    Raises:
        InputError: It is empty, too large, damaged or no table. Nothing of a cell is in its text.
    """
    check_size(place, len(content))
    match format or sniff_format(content, place):
        case TableFormat.ARROW:
            return read_arrow(content, name, place)
        case TableFormat.JSON:
            return read_json(content, name, place)
    return read_csv(content, name, place)


def read_given(table: GivenTable, place: str) -> ReadTable:
    """Return the table that a caller gave in one of its forms.

    Args:
        table: Columns, CSV or Arrow IPC.
        place: What an error says before its problem, such as `sources[2]`.

    Raises:
        InputError: It is in no form, or as for `read_table`.
    """
    if table.csv is not None:
        return read_table(table.csv, table.name, place=place, format=TableFormat.CSV)
    if table.arrow_ipc is not None:
        return read_table(table.arrow_ipc, table.name, place=place, format=TableFormat.ARROW)
    if table.columns is None:
        raise InputError(place, "it is empty", "Give its columns, CSV or Arrow IPC.")
    check_columns(place, len(table.columns))
    most = rows_read(len(table.columns))
    columns = tuple(_gathered(column, most) for column in table.columns)
    truncated = any(len(column.values) > most for column in table.columns)
    return ReadTable(table.name, columns, truncated=truncated, lossy=table.lossy)


def _gathered(column: GivenColumn, most: int) -> Column:
    gatherer = ColumnGatherer(column.name, column.description)
    gatherer.add(column.values[:most])
    return gatherer.column()
