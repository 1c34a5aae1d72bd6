"""How far a long verb is, on a terminal only.

(step, done, total) -> bars on stderr, or nothing
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from headgate.batch.progress import ProgressState

Report: TypeAlias = Callable[[str, int, int], None]


@contextlib.contextmanager
def progress(*, shown: bool) -> Iterator[Report]:
    """Yield what is to be told of progress.

    What libraries print meanwhile goes to stderr: stdout is for data.

    Args:
        shown: Whether to draw bars when stderr is a terminal.
    """
    with contextlib.redirect_stdout(sys.stderr):
        if shown and sys.stderr.isatty():
            with _bars() as report:
                yield report
        else:
            yield lambda step, done, total: None


@contextlib.contextmanager
def _bars() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        known: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in known:
                known[step] = bars.add_task(step)
            bars.update(known[step], completed=done, total=total)

        yield report


@contextlib.contextmanager
def batch_progress(*, shown: bool) -> Iterator[Callable[[ProgressState], None] | None]:
    """Yield what is to be told how far a batch is; None where nobody looks.

    Args:
        shown: Whether to draw when stderr is a terminal.
    """
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4) as live:
        yield lambda state: live.update(progress_line(state))


def progress_line(state: ProgressState) -> str:
    """Return how far a batch is, in one line."""
    from headgate.pages.amounts import duration

    left = "-" if state.seconds_left is None else duration(state.seconds_left)
    return (
        f"{state.lines:,} lines, {state.lines_per_s:,.0f}/s, "
        f"large model {state.llm_share:.1%}, {state.cost_usd:.4f} USD, {left} left"
    )
