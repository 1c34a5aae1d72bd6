"""What a process of the gateway logs: one JSON object a line, or columns on a terminal.

log.info(event, **fields), lines of libraries -> names of the call -> one line on stderr

`log_files` writes the same lines to a file.

An event is a name, and what belongs to it are fields: `log.error("cascade_not_served", ...)`.
Values are escaped, so that none of them can begin a line or speak to a terminal. Of an error that
is raised somewhere the line has its type and the code it passed; not its text, which may quote a
record.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import BoundLogger, filter_by_level

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict, WrappedLogger

LEVEL = "HEADGATE_LOG_LEVEL"
"""The variable that says from which level on our own events are logged."""
LEVELS = ("debug", "info", "warning", "error", "critical")
DEFAULT_LEVEL = "info"
FIRST = ("timestamp", "level", "event", "logger", "request_id", "trace_id", "cascade")
"""Every line has the first four; the others where they are known, before all that is left."""
TRACEBACK = "traceback"

# What ends a line, is obeyed by a terminal, turns the writing direction or cannot be written; JSON
# escapes all of it by itself.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PACKAGE = "headgate"


def get_logger(name: str) -> BoundLogger:
    """Return the logger of a module, by its `__name__`."""
    wrapped = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, merge_contextvars, _as_record],
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast("BoundLogger", wrapped)


class _Event(dict[str, Any]):
    """An event with its fields; a line of `name=value` where nobody has configured more."""

    def __str__(self) -> str:
        fields = [f"{name}={value}" for name, value in self.items() if name != "event"]
        return " ".join([str(self.get("event", "")), *fields])


def _as_record(logger: WrappedLogger, method: str, event: EventDict) -> tuple[Any, ...]:
    """Return what `logging` makes a record of, for our formatter or another one."""
    del logger, method
    exc_info = event.pop("exc_info", None)
    return (_Event(event),), {"exc_info": exc_info}


log = get_logger(__name__)


class _Stderr(logging.StreamHandler["TextIO"]):
    """Writes to what is stderr at that moment; a process has one."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logs(environment: Mapping[str, str] = os.environ) -> None:
    """Log as this module says from now on; a second time changes the level alone.

    Libraries are heard from warnings on. A level that is none is said, and the default taken.

    Args:
        environment: Has the level.
    """
    root = logging.getLogger()
    if not any(isinstance(each, _Stderr) for each in root.handlers):
        handler = _Stderr()
        handler.setFormatter(formatter(terminal=sys.stderr.isatty(), environment=environment))
        root.addHandler(handler)
        root.setLevel(logging.WARNING)  # some library may have lowered it
    wanted = environment.get(LEVEL, "").lower() or DEFAULT_LEVEL
    known = wanted in LEVELS
    logging.getLogger(_PACKAGE).setLevel((wanted if known else DEFAULT_LEVEL).upper())
    if not known:
        log.warning("log_level_unknown", variable=LEVEL, known=LEVELS)


def stderr_handler() -> logging.Handler:
    """Return what `configure_logs` writes with."""
    return next(each for each in logging.getLogger().handlers if isinstance(each, _Stderr))


def formatter(*, terminal: bool, environment: Mapping[str, str] = os.environ) -> logging.Formatter:
    """Return what makes a line of a log record.

    Args:
        terminal: Whether people read it as it comes.
        environment: NO_COLOR takes the colours away.
    """
    if not terminal:
        return _Lines(json.JSONEncoder(default=repr).encode)
    console = structlog.dev.ConsoleRenderer(colors=not environment.get("NO_COLOR"))
    return _Lines(lambda event: console(None, "", _inert(event)))


class _Lines(logging.Formatter):
    """Makes one line of a record, of ours or of a library.

    structlog's own formatter makes a copy of each record first, which takes as long as the rest.
    """

    def __init__(self, render: Callable[[EventDict], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
        event: EventDict = (
            dict(record.msg)
            if isinstance(record.msg, _Event)
            else dict(merge_contextvars(None, "", {"event": record.getMessage()}))
        )
        return self._render(_complete(event, record))


def _complete(event: EventDict, record: logging.LogRecord) -> EventDict:
    """Return the fields of a line in their order, with what its record knows."""
    event.update(_place(record.exc_info))
    event["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat("T", "milliseconds")
    event["level"], event["logger"] = record.levelname.lower(), record.name
    first = {name: event.pop(name) for name in FIRST if name in event}
    return {**first, **event}


def _place(caught: Any) -> EventDict:  # noqa: ANN401 - True, an error or a triple
    """Return where an error came from, without its text."""
    if not isinstance(caught, tuple) or caught[0] is None:
        return {}
    frames = "".join(traceback.format_tb(caught[2]))
    return {"type": caught[0].__name__, TRACEBACK: frames}


def _inert(event: EventDict) -> EventDict:
    """Return the fields with nothing that a terminal obeys; a traceback keeps its lines."""
    shown = {
        name: _escaped(value) if isinstance(value, str) else value
        for name, value in event.items()
        if name != TRACEBACK
    }
    if TRACEBACK in event:
        lines = str(event[TRACEBACK]).splitlines()
        shown["exception"] = "\n".join(map(_escaped, lines))
    return shown


def _escaped(text: str) -> str:
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
