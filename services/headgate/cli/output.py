"""What a verb says: data on stdout, everything else on stderr.

values -> table | JSON -> stdout;  notes -> stderr
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from io import StringIO
from typing import TypeAlias

import typer

from headgate.cli.exits import BROKEN_PIPE
from headgate.cli.text import one_line
from headgate.errors import HeadgateError

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"

_WIDE = 100_000
"""Characters; wide enough that nothing is cut where no terminal sets a width."""


class Output(StrEnum):
    """How data is written."""

    TABLE = "table"
    """For people."""
    JSON = "json"
    """For programs."""


def emit(text: str) -> None:
    """Write data and a line end to stdout, at once.

    A reader that went away, such as `head`, ends the verb in silence.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more as it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None


def emit_json(value: object, *, indent: int | None = None) -> None:
    """Write a value as JSON; everything but ASCII is escaped, so that any terminal is safe."""
    emit(json.dumps(plain(value), indent=indent))


def note(text: str) -> None:
    """Write one line for a person to stderr."""
    with contextlib.suppress(BrokenPipeError):
        print(one_line(text), file=sys.stderr, flush=True)


def plain(value: object) -> JSON:
    """Return a value of ours as JSON's own types.

    Raises:
        TypeError: It has a part that JSON cannot say.
    """
    match value:
        case HeadgateError():
            return {"status": value.status, "reason": value.reason, "message": str(value)}
        case Enum():
            return plain(value.value)
        case None | str() | int() | float():
            return value
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case Sequence():
            return [plain(each) for each in value]
    return plain_fields(value)


def plain_fields(value: object) -> dict[str, JSON]:
    """Return the fields of a dataclass as JSON's own types.

    Raises:
        TypeError: It is none, or a field has a part that JSON cannot say.
    """
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no value for JSON. This is a bug.")
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0) -> str:
    """Return a table: as wide as the terminal, or as its longest rows where there is none.

    Args:
        columns: Headings.
        rows: Cells, any text.
        numbers: How many columns, counted from the last, hold numbers.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _WIDE
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(columns):
        right = place >= len(columns) - numbers
        drawn.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(one_line(cell)) for cell in row))  # no markup: cells are any text
    console = Console(file=StringIO(), width=width, force_terminal=terminal)
    with console.capture() as captured:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 as people read it."""
    return "-" if share is None else f"{share:.1%}"


def dollars(usd: float | None) -> str:
    """Return an amount of US dollars, exact enough for one call of a model."""
    return "-" if usd is None else f"{usd:.6f}"
