"""The header of a line: by the name of a line format, or by a pattern of the user's.

content (lines,) -> header.parse -> Parsed: content, timestamps, levels, components (fitting lines,)
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headgate.batch.inputs.json_lines import JsonHeader
from headgate.batch.inputs.lines import as_text
from headgate.batch.inputs.parsed import Header, Parsed
from headgate.batch.inputs.times import parse_times
from headgate.batch.types import InputSpec, Reason
from headgate.cascade.mistakes import did_you_mean, listed
from headgate.errors import InputError

_BRACKET = r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]"
"""One that may hold others, such as `[QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:Leader@774]`."""

_PATTERNS: Final[dict[str, str]] = {
    # Dec 10 06:55:46 web-1 sshd[24200]: Invalid user
    # 2026-01-02T03:04:05.678901+01:00 web-1 sshd[24200]: Invalid user
    "syslog": r"(?:<\d{1,3}>)?"
    r"(?P<timestamp>[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) "
    r"[^ ]+ (?:(?P<component>[^ :\[\]]+)(?:\[[^\]]*\])?: ?)?(?P<content>.*)",
    # I0102 15:04:05.123456    1234 server.go:12] Serving
    "klog": r"(?P<level>[IWEF])(?P<timestamp>\d{4} \d\d:\d\d:\d\d(?:\.\d+)?) +\d+ "
    r"(?P<component>[^ :\]]+:\d+)\] (?P<content>.*)",
    # 2015-10-18 18:01:47,978 INFO [main] org.example.Master: Created
    # 17/06/09 20:10:40 INFO executor.Backend: Registered
    # 2015-07-29 17:41:44,747 - INFO  [Peer[myid=1]/0:2181:Leader@774] - Notification
    # 2026-01-02 03:04:05.678  INFO 1 --- [main] org.example.App  : Started
    # 2026-01-02 03:04:05,678 [main] INFO org.example.App - Started
    "log4j": r"(?P<timestamp>(?:\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d)[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?"
    rf"(?:Z|[+-]\d\d:?\d\d)?) +(?:- +)?(?:{_BRACKET} +)?"
    r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL) +"
    rf"(?:{_BRACKET} +- +|(?:\d+ +--- +)?(?:{_BRACKET} +){{0,2}}"
    r"(?:(?P<component>[\w.$/@-]+) *(?:: |- ))?)(?P<content>.*)",
    # - 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO corrected
    "bgl": r"[^ ]+ (?P<timestamp>\d+) [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ "
    r"(?P<component>[^ ]+) (?P<level>[^ ]+)(?: (?P<content>.*))?",
    # 081109 203615 148 INFO dfs.DataNode$PacketResponder: Received block
    "hdfs": r"(?P<timestamp>\d{6} \d{6}) \d+ (?P<level>[A-Z]+) (?P<component>[^ ]+): "
    r"(?P<content>.*)",
}
LINE_FORMATS: Final = ("json", *sorted(_PATTERNS))
"""Names of line formats."""
_GROUPS: Final = ("content", "timestamp", "level", "component")
_MISFIT: Final = (Reason.HEADER_MISMATCH, "the line does not begin as its format says")


def header_of(spec: InputSpec) -> Header | None:
    """Return what reads the headers of the lines; None when lines are taken whole.

    Raises:
        InputError: There is no line format of that name, or the pattern is wrong.
    """
    if spec.header_pattern is not None:
        _check_groups(check_pattern(spec.header_pattern, "header_pattern", groups=True))
        return PatternHeader(spec.header_pattern)
    if spec.line_format is None:
        return None
    if spec.line_format not in LINE_FORMATS:
        remedy = did_you_mean(spec.line_format, LINE_FORMATS, f"Use {listed(LINE_FORMATS)}.")
        raise InputError("line_format", f"there is no format {spec.line_format!r}", remedy)
    if spec.line_format == "json":
        return JsonHeader()
    return PatternHeader(_PATTERNS[spec.line_format])


def check_pattern(pattern: str, place: str, *, groups: bool = False) -> list[str]:
    """Return the names of a pattern's groups.

    Args:
        pattern: A regular expression of RE2.
        place: What the user calls it.
        groups: Whether it captures something; otherwise no names are returned.

    Raises:
        InputError: It is no regular expression of RE2, or has groups without a name.
    """
    nothing = pa.array([b""], pa.large_binary())
    try:
        if not groups:
            pc.match_substring_regex(nothing, pattern)
            return []
        return [field.name for field in pc.extract_regex(nothing, pattern).type]
    except pa.ArrowInvalid as error:
        problem = f"it cannot be used ({str(error).partition(': ')[2] or error})"
        remedy = "Write RE2: no look-around, no back-references; (?P<name>...) or (?:...)."
        raise InputError(place, problem, remedy) from error


def _check_groups(names: list[str]) -> None:
    for name in names:
        if name not in _GROUPS:
            remedy = did_you_mean(name, _GROUPS, f"Use {listed(_GROUPS)}.")
            raise InputError("header_pattern", f"no group is called {name!r}", remedy)
    if "content" not in names:
        problem = "no group is called 'content'"
        raise InputError("header_pattern", problem, "Add (?P<content>.*) where the message is.")


class PatternHeader:
    """Reads headers by a regular expression with the groups named above."""

    def __init__(self, pattern: str) -> None:
        # The dot is any byte, for an event has newlines in it.
        self._pattern = rf"(?s)\A(?:{pattern})\z"

    def parse(self, content: pa.LargeBinaryArray, written_s: float) -> Parsed:
        """Return the columns of the lines that the whole pattern fits."""
        found = pc.extract_regex(content, self._pattern)
        fits = found.is_valid()
        if found.null_count:
            found = found.filter(fits)
        columns = {field.name: found.field(field.name) for field in found.type}
        times, levels, components = (columns.get(name) for name in _GROUPS[1:])
        return Parsed(
            fits.to_numpy(zero_copy_only=False),
            columns["content"],
            None if times is None else parse_times(times, written_s),
            None if levels is None else as_text(levels),
            None if components is None else as_text(components),
            [_MISFIT] * (len(content) - len(found)),
        )
