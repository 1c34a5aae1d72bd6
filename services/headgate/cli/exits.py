"""The one place where errors become exit codes and lines for a person.

error -> exit code, [line]

0 ok, 1 a gate failed, 2 usage or configuration, 69 nobody answers, 70 a bug, 74 input or output,
75 try again later, 130 interrupted, 141 the reader of our output went away.

Source: sysexits.h for 69 to 75; 128 and the signal's number for the last two.
"""

from __future__ import annotations

from headgate.cli.text import one_line
from headgate.errors import HeadgateError, LmError, SpecFileError

OK = 0
GATE_FAILED = 1
USAGE = 2
UNAVAILABLE = 69
BUG = 70
IO = 74
RETRY = 75
INTERRUPTED = 130
BROKEN_PIPE = 141

_BY_STATUS = {
    "INVALID_ARGUMENT": USAGE,
    "NOT_FOUND": USAGE,
    "FAILED_PRECONDITION": USAGE,
    "OUT_OF_RANGE": USAGE,
    "UNIMPLEMENTED": USAGE,
    "UNAUTHENTICATED": USAGE,
    "PERMISSION_DENIED": USAGE,
    "UNAVAILABLE": UNAVAILABLE,
    "CANCELLED": UNAVAILABLE,  # what a stopping server says
    "RESOURCE_EXHAUSTED": RETRY,
    "DEADLINE_EXCEEDED": RETRY,
    "ABORTED": RETRY,
}


def exit_code(error: BaseException) -> int:
    """Return what a process that failed with `error` ends with."""
    match error:
        case HeadgateError():
            return _of_ours(error)
        case KeyboardInterrupt():
            return INTERRUPTED
        case ModuleNotFoundError():
            return USAGE
        case OSError():
            return IO
    return USAGE if _is_usage(error) else BUG


def _of_ours(error: HeadgateError) -> int:
    code = _BY_STATUS.get(error.status, BUG)
    # The large model's endpoint is not ours to start: all one can do is to try again.
    return RETRY if isinstance(error, LmError) and code == UNAVAILABLE else code


def messages(error: BaseException) -> list[str]:
    """Return one line a mistake, without anything a terminal would obey."""
    if isinstance(error, SpecFileError):
        return [one_line(str(each)) for each in error.errors]
    message = one_line(_message(error))
    return [message] if message else []


def _message(error: BaseException) -> str:
    match error:
        case HeadgateError():
            return str(error)
        case KeyboardInterrupt():
            return "interrupted"
        case ModuleNotFoundError():
            return f"{error.name} is not installed. Run: pip install 'headgate[server]'"
        case OSError():
            place = error.filename or "input or output"
            return f"{place}: {error.strerror or type(error).__name__}."
    if _is_usage(error):
        return _usage(error)
    # Its text may quote a record; with --debug the user asks for it.
    kind = type(error).__name__
    return f"an unexpected error, {kind}. This is a bug. `headgate --debug ...` shows where."


def _is_usage(error: BaseException) -> bool:
    """Return whether typer refuses the command line."""
    import typer

    return isinstance(error, typer.TyperException)


def _usage(error: BaseException) -> str:
    """Return what is wrong with the command line, and where its help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "headgate"
    problem = getattr(error, "format_message", error.__str__)().rstrip(".")
    # Nothing to say means that the whole help was shown, as for a bare `headgate`.
    return f"{problem}. Try: {command} --help" if problem else ""
