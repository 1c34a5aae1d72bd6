"""What the user may say of the input, checked before anything is opened.

InputSpec -> InputError, or nothing
"""

from __future__ import annotations

from typing import Final, get_args

from headgate.batch.inputs.formats import check_pattern, header_of
from headgate.batch.types import FileFormat, InputSpec
from headgate.cascade.mistakes import did_you_mean, listed
from headgate.errors import InputError

_FORMATS: Final = ("auto", *get_args(FileFormat))


def check_spec(spec: InputSpec) -> None:
    """Refuse what cannot be done, with the nearest name for a misspelt one.

    Raises:
        InputError: No pattern, an unknown format or line format, a wrong regular expression, or
            two options that contradict each other.
    """
    if not all(spec.patterns) or not spec.patterns:
        raise InputError("input", "no file is named", "Name files, a directory or a glob.")
    if spec.format not in _FORMATS:
        remedy = did_you_mean(spec.format, _FORMATS, f"Use {listed(_FORMATS)}.")
        raise InputError("format", f"there is no format {spec.format!r}", remedy)
    if spec.max_line_bytes < 1:
        problem = f"max_line_bytes is {spec.max_line_bytes}"
        raise InputError("input", problem, "Allow one byte a line at least.")
    _check_text_options(spec)


def reads_lines(spec: InputSpec) -> bool:
    """Return whether an option says that the files are text, whatever their names."""
    return any((spec.line_format, spec.header_pattern, spec.event_start))


def _check_text_options(spec: InputSpec) -> None:
    if not reads_lines(spec):
        return
    if spec.format not in ("auto", "text"):
        problem = f"line formats, headers and events are for text, and the format is {spec.format}"
        raise InputError("format", problem, "Leave one of them out.")
    if spec.line_format and spec.header_pattern:
        problem = "a line format and a header pattern exclude each other"
        raise InputError("line_format", problem, "Leave one of them out.")
    header_of(spec)
    if spec.event_start is not None:
        check_pattern(spec.event_start, "event_start")
