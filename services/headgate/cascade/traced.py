"""What spans of stages and gates tell: who they are, and what became of the records.

stage, number of records -> span;  cells | verdicts -> facts of it

All names below `headgate.` of such spans are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, get_args

from headgate import spans
from headgate.cascade.progress import Progress, degraded_by
from headgate.errors import HeadgateError
from headgate.spans import Fact, Facts, Span
from headgate.stages.catalog import Answering, Asking
from headgate.stages.contract import Cell, PaidCell
from headgate.types import Tier, Usage

_LARGE = {stage.kind for stage in get_args(Asking)}


class Named(Protocol):
    """A stage, a gate, or what stands for one."""

    @property
    def name(self) -> str:
        """Return its name in the cascade."""

    @property
    def kind(self) -> str:
        """Return its kind in the catalog."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is named in a file and is no stage by itself."""

    name: str
    kind: str


def opened(stage: Named, records: int) -> AbstractContextManager[Span]:
    """Begin the span of a stage, enter it, and end it with the block."""
    return spans.opened(stage.name, _about(stage, records))


def begun(stage: Named, records: int) -> Span:
    """Begin the span of a stage, for whoever enters and ends it."""
    return spans.current().child(stage.name, _about(stage, records))


def _about(stage: Named, records: int) -> Facts:
    if not spans.current().recording:
        return {}
    facts: dict[str, Fact] = {
        "headgate.stage": stage.name,
        "headgate.kind": stage.kind,
        "headgate.records": records,
    }
    if stage.kind in _LARGE:
        facts["headgate.tier"] = Tier.LARGE.value
    elif isinstance(stage, Answering):
        facts["headgate.tier"] = Tier.SMALL.value
    return facts


def note_split(span: Span, *, kept: int, sent_on: int) -> None:
    """Tell how a gate parted a batch."""
    span.note({"headgate.kept": kept, "headgate.sent_on": sent_on})


def note_cells(span: Span, cells: Sequence[Cell]) -> None:
    """Tell how many records a stage failed on and why, and what it was paid for."""
    if not span.recording:
        return
    problems = [cell for cell in cells if isinstance(cell, HeadgateError)]
    paid = [cell for cell in cells if isinstance(cell, PaidCell)]
    _note_problems(span, problems, len(cells))
    if paid and any(cell.usage.calls or cell.cached for cell in paid):
        usage = sum((cell.usage for cell in paid), Usage())
        span.note(
            {
                "headgate.calls": usage.calls,
                "headgate.cached": sum(cell.cached for cell in paid),
                "headgate.input_tokens": usage.input_tokens,
                "headgate.output_tokens": usage.output_tokens,
                "headgate.cost_usd": usage.cost_usd,
            }
        )


def note_asked(span: Span, stage: Asking, records: Sequence[Progress]) -> None:
    """Tell how many records the large model was asked about, and what came of that."""
    if not span.recording:
        return
    cells = [each.cells[stage.name] for each in records if stage.name in each.cells]
    span.note({"headgate.asked": len(cells)})
    note_cells(span, cells)
    # Those that could not be paid have a problem and no cell.
    problems = [each.problem for each in records if each.problem is not None]
    _note_problems(span, problems, len(records))


def _note_problems(span: Span, problems: Sequence[HeadgateError], records: int) -> None:
    span.note({"headgate.failed": len(problems)})
    if problems:
        reasons = sorted(set(map(degraded_by, problems)))
        span.note({"headgate.degraded_reason": reasons})
        if len(problems) == records:
            span.fail(reasons[0])
