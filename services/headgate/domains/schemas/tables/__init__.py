"""Tables from outside, as bytes or as a caller's columns, whatever is in them.

bytes -> sniff: format -> rows or batches -> ColumnGatherer (one a column) -> ReadTable
"""

from headgate.domains.schemas.tables.read import read_given, read_table
from headgate.domains.schemas.tables.sniff import TableFormat
from headgate.domains.schemas.tables.values import ReadTable

__all__ = ["ReadTable", "TableFormat", "read_given", "read_table"]
