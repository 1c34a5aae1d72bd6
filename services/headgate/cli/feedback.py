"""`headgate feedback`: right answers to records that a server has answered.

CASCADE, rows {"id", "label", "request_id"?} -> SubmitFeedback -> what became of each
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from headgate.cli.call import Address, CascadeName, Input, Timeout, rows_path
from headgate.cli.exits import exit_code
from headgate.cli.options import OutputFormat
from headgate.cli.output import Output, emit, emit_json, note, table

if TYPE_CHECKING:
    from headgate.types import FeedbackOutcome

MAX_BATCH = 1_000


def feedback(
    cascade: CascadeName,
    *,
    input_: Input,
    address: Address = "127.0.0.1:50051",
    timeout_s: Timeout = 30.0,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Tell a server the right answers to records that its cascade has answered.

    A row has the record's `id`, its `label`, and the `request_id` of the call where ids repeat
    between calls. The exit code is that of the first row that is not taken.
    """
    from headgate.client import Client
    from headgate.domains.rows import read_feedback

    rows = read_feedback(rows_path(input_))
    outcomes: list[FeedbackOutcome] = []
    with Client(address, timeout_s=timeout_s) as client:
        for start in range(0, len(rows), MAX_BATCH):
            batch = rows[start : start + MAX_BATCH]
            outcomes += client.submit_feedback(batch, cascade=cascade)
    _show(outcomes, output)


def _show(outcomes: Sequence[FeedbackOutcome], output: Output) -> None:
    refused = [each for each in outcomes if each.error is not None]
    if output is Output.JSON:
        for each in outcomes:
            emit_json(each)
    elif refused:
        emit(table(("id", "not taken"), [(each.record_id, str(each.error)) for each in refused]))
    note(f"{len(outcomes) - len(refused)} of {len(outcomes)} right answers taken")
    for each in refused:
        if each.error is not None:
            raise typer.Exit(exit_code(each.error))
