"""Where the process starts and ends: every error becomes one line and an exit code.

argv -> run -> verb -> exit code
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from headgate.cli.exits import exit_code, messages
from headgate.cli.session import Session


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: What follows the program's name.
    """
    session = Session()
    try:
        from headgate.cli.app import app

        # Not standalone: the errors are ours to word. A verb returns nothing, `typer.Exit` a code.
        code: int | None = app(
            list(arguments), prog_name="headgate", standalone_mode=False, obj=session
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback reaches a user
        return _fail(error, debug=session.debug)
    return code or 0


def _fail(error: BaseException, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    for message in messages(error):
        print(f"headgate: {message}", file=sys.stderr)
    return exit_code(error)


if __name__ == "__main__":
    main()
