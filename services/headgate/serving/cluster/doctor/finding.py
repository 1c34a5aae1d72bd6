"""What a check found, and what mends it.

check -> Finding (level, what, mend)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """As it should be."""
    NOTE = "note"
    """Good to know; nothing has to be done."""
    WARNING = "warning"
    """It works, and should not stay so."""
    ERROR = "error"
    """It does not work, or others can do harm."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw."""

    level: Level
    what: str
    """In one line; without a key, a token or a record."""
    mend: str = ""
    """The command to run or the line to write; empty where nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at."""

    name: str
    """What is looked at."""
    find: Callable[[], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the check that made it."""

    check: str
    finding: Finding


def ok(what: str) -> list[Finding]:
    """Return that all is well."""
    return [Finding(Level.OK, what)]
