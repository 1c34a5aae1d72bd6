"""What Ray says when something fails, cut down to what an operator can use.

a traceback of a replica, of Serve or of the dashboard -> its last line, without addresses
"""

from __future__ import annotations

import re

LONGEST = 400
"""Characters of a message that are shown."""

_NOISE = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\((?:[a-z_]*pid=|ip=|actor_id=)[^)]*\)"  # where Ray ran it
    r"|\bheadgate\.errors\.(?=\w+Error:)"
    r"| at 0x[0-9a-f]+"
)
_SECRET = re.compile(r"(?i)\b(bearer\s+)\S+|(://[^/\s:@]*:)[^@\s]+(?=@)")
_LOOK_ELSEWHERE = ("See the log", "See https://", "Retrying", "Traceback (most recent", "ray::")


def last_line(text: str) -> str:
    """Return the last line that says what happened, without addresses of memory or hosts.

    Of a chain of exceptions this is the outermost one's text, where the cause of ours is worded.
    """
    lines = [_clean(line) for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(_LOOK_ELSEWHERE)]
    line = said[-1] if said else "it says nothing"
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _clean(line: str) -> str:
    return _SECRET.sub(r"\1\2***", _NOISE.sub("", line)).strip().rstrip(".")
