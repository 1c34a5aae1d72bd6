"""What a batch reads: which files, how they are cut, and the lines or rows in them.

InputSpec -> find_inputs: InputFile (files) -> plan_units: Unit (units)
Unit -> read_lines: LineBlock (lines) | read_rows: RowBlock (rows); wrong ones -> DeadLetters

Whoever opens files, drivers and decoders is in `storage` and `streams`; their errors end there.
"""

from headgate.batch.inputs.find import check_unchanged, find_inputs
from headgate.batch.inputs.formats import LINE_FORMATS
from headgate.batch.inputs.rows import check_task, read_rows
from headgate.batch.inputs.text import read_lines
from headgate.batch.inputs.units import UNIT_BYTES, plan_units

__all__ = [
    "LINE_FORMATS",
    "UNIT_BYTES",
    "check_task",
    "check_unchanged",
    "find_inputs",
    "plan_units",
    "read_lines",
    "read_rows",
]
