"""The message of log lines that are JSON objects, by the keys that loggers use.

{"message": ..., "timestamp": ..., "level": ..., "logger": ...} (lines,) -> Parsed (fitting lines,)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from numpy.typing import NDArray

from headgate.batch.inputs.lines import lossy_flags
from headgate.batch.inputs.parsed import Parsed
from headgate.batch.inputs.times import parse_times
from headgate.batch.types import Reason

MESSAGE_KEYS: Final = ("message", "msg", "log", "event", "textPayload")
TIME_KEYS: Final = ("timestamp", "@timestamp", "time", "ts")
LEVEL_KEYS: Final = ("level", "severity", "levelname", "log.level")
COMPONENT_KEYS: Final = ("logger", "component", "name")

_ALL_KEYS: Final = (MESSAGE_KEYS, TIME_KEYS, LEVEL_KEYS, COMPONENT_KEYS)
_DETAILS: Final = {
    Reason.NOT_JSON: "the line is no JSON object",
    Reason.NO_MESSAGE: f"there is no text as {', '.join(MESSAGE_KEYS)}",
}
_SCHEMA: Final = pa.schema([(key, pa.large_string()) for keys in _ALL_KEYS for key in keys])
_OPENED: Final = r"\A[ \t\r]*\{"
_TWO_OBJECTS: Final = r"\}[ \t\r]*\{"
_LONG_NUMBER: Final = "[0-9]{1000}"
"""`json` refuses those of more than 4300 digits."""
_MOST_BRACKETS: Final = 400
"""For which `json` has certainly the depth, if they are all within each other."""
_DECODER: Final = json.JSONDecoder()
_BLANK: Final = " \t\r\n"
_SCALARS: Final = (str, int, float)

_Columns = list[pa.LargeStringArray]
"""Message, time, level, component of each object; null where it has none."""
_Texts = list[str | None]
"""The same of one object."""


class JsonHeader:
    """Reads lines that are JSON objects; of several keys for one thing the first counts."""

    def parse(self, content: pa.LargeBinaryArray, written_s: float) -> Parsed:
        """Return the columns of the lines that are objects with a message."""
        objects, columns = _by_column(content) or _by_line(content)
        with_message = columns[0].is_valid()
        messages, times, levels, components = (
            column.filter(with_message).fill_null("") for column in columns
        )
        fits = objects.copy()
        fits[objects] = with_message.to_numpy(zero_copy_only=False)
        reasons = [Reason.NO_MESSAGE if each else Reason.NOT_JSON for each in objects[~fits]]
        return Parsed(
            fits,
            # Docker keeps the line end within its `log`.
            pc.utf8_rtrim(messages, "\r\n").cast(pa.large_binary()),
            parse_times(times.cast(pa.large_binary()), written_s),
            levels,
            components,
            [(reason, _DETAILS[reason]) for reason in reasons],
        )


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that the text is; None when it is none."""
    stripped = text.strip(_BLANK)
    try:
        row, end = _DECODER.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and end == len(stripped) else None


def _by_column(content: pa.LargeBinaryArray) -> tuple[NDArray[np.bool_], _Columns] | None:
    """Return which lines are objects, and their columns; None where this way is not safe.

    The columnar reader sees no lines, but one object after the other. It is safe where each
    line opens one object only, and it finds as many. What it refuses, such as a level that is a
    number, is read line by line.
    """
    opened = pc.match_substring_regex(content, _OPENED)
    lines = content.filter(opened)
    if not len(lines) or _are_odd(lines):
        return None
    data = pa.py_buffer(b"\n".join(lines.to_pylist()))
    try:
        table = pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(data)),
            parse_options=pj.ParseOptions(_SCHEMA, unexpected_field_behavior="ignore"),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    if len(table) != len(lines):
        return None
    columns = [pc.coalesce(*(table[key].chunk(0) for key in keys)) for keys in _ALL_KEYS]
    return opened.to_numpy(zero_copy_only=False), columns


def _are_odd(lines: pa.LargeBinaryArray) -> bool:
    """Return whether the two readers might disagree about one of the lines."""
    if lossy_flags(lines) is not None:
        return True
    if pc.any(pc.match_substring_regex(lines, _TWO_OBJECTS)).as_py():
        return True
    # Brackets that are closed again take two bytes each.
    long_ones = lines.filter(pc.greater(pc.binary_length(lines), 2 * _MOST_BRACKETS))
    brackets = pc.add(pc.count_substring(long_ones, "["), pc.count_substring(long_ones, "{"))
    deep = pc.greater(brackets, _MOST_BRACKETS)
    return bool(pc.any(pc.or_(deep, pc.match_substring_regex(long_ones, _LONG_NUMBER))).as_py())


def _by_line(content: pa.LargeBinaryArray) -> tuple[NDArray[np.bool_], _Columns]:
    found = [json_object(line.decode("utf-8", "replace")) for line in content.to_pylist()]
    rows = [[_text(row, keys) for keys in _ALL_KEYS] for row in found if row is not None]
    objects = np.array([row is not None for row in found], dtype=bool)
    return objects, [
        pa.array([row[column] for row in rows], pa.large_string()) for column in range(4)
    ]


def _text(row: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = row.get(key)
        if type(value) in _SCALARS:
            text = str(value)
            # Half a surrogate pair can be written in JSON, and in no encoding.
            return text if text.isascii() else text.encode("utf-8", "replace").decode()
    return None
