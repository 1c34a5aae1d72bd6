"""`headgate call` and `headgate explain`: rows of a file through a server's cascade.

CASCADE, rows -> DescribeCascade -> records -> batches -> answers -> table | JSON Lines
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.answers import EXPLANATION, RESULT, Answer, Form, as_json, lines_of, summary
from headgate.cli.exits import exit_code, messages
from headgate.cli.options import OutputFormat
from headgate.cli.output import Output, emit, emit_json, note, table
from headgate.cli.text import one_line
from headgate.errors import InputError, NotFoundError, RemoteError, UnavailableError
from headgate.types import CascadeDescription, Explanation, Record, Result

if TYPE_CHECKING:
    from headgate.client import Client
    from headgate.domains.task import Task

MAX_BATCH = 250
MAX_TABLE_BATCH = 4
"""Pairs of tables in one request: a reply tells the candidates of each column."""
MAX_QUESTION_BATCH = 25
"""Questions in one request: a reply has the passages of each, and of each of its steps."""
MAX_BATCH_BYTES = 2 * 2**20
"""Of texts."""
MAX_RECORD_BYTES = 4 * 2**20 - 2**10
"""Of the texts of one record: a server takes messages of 4 MiB."""

CascadeName: TypeAlias = Annotated[
    str, typer.Argument(metavar="CASCADE", help="Its name on the server.", show_default=False)
]
Input: TypeAlias = Annotated[
    Path, typer.Option("--input", help="Rows to ask about, JSON Lines; `-` reads stdin.")
]
Address: TypeAlias = Annotated[str, typer.Option(metavar="HOST:PORT", help="Of the server.")]
Timeout: TypeAlias = Annotated[
    float, typer.Option("--timeout-s", min=0.001, help="Longest time of one batch, in seconds.")
]
Streamed: TypeAlias = Annotated[
    bool, typer.Option("--stream", help="Show each answer when it is there, with tabs between.")
]


def call(
    cascade: CascadeName,
    *,
    input_: Input,
    address: Address = "127.0.0.1:50051",
    timeout_s: Timeout = 30.0,
    stream: Streamed = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Ask a server's cascade about the rows of a file.

    At most 250 are sent at a time, of questions 25, of tables 4.
    A record that fails is shown with its reason; the exit code is that of the first failure.
    """
    from headgate.client import Client

    with Client(address, timeout_s=timeout_s) as client:
        description = _describe(client, cascade, address)
        batches = _batches(_read(input_, description), _most(description))
        ask = _stream if stream else _run
        answers = ask(client, cascade, batches)
        _show(answers, RESULT, description, output, at_once=stream)


def explain(
    cascade: CascadeName,
    *,
    input_: Input,
    address: Address = "127.0.0.1:50051",
    timeout_s: Timeout = 30.0,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Show which path the rows of a file would take, and what the large model would cost.

    No large model is called.
    """
    from headgate.client import Client

    with Client(address, timeout_s=timeout_s) as client:
        description = _describe(client, cascade, address)
        batches = _batches(_read(input_, description), _most(description))
        answers = _explain(client, cascade, batches)
        _show(answers, EXPLANATION, description, output, at_once=False)


def _describe(client: Client, cascade: str, address: str) -> CascadeDescription:
    try:
        return client.describe_cascade(cascade)
    except RemoteError as error:
        if error.status != "UNAVAILABLE":
            raise
        raise UnavailableError(
            address,
            f"no answer ({error.message.rstrip('.')})",
            "Start it with `headgate serve`, or name another --address.",
        ) from error


def _read(path: Path, description: CascadeDescription) -> list[Record]:
    """Return the rows as records with the fields that the cascade reads."""
    from headgate.domains.rows import read_records

    return read_records(rows_path(path), _task(description))


def rows_path(path: Path) -> Path:
    """Return where rows are read: `-` is stdin."""
    return Path("/dev/stdin") if str(path) == "-" else path


def _task(description: CascadeDescription) -> Task:
    from headgate.domains.tasks import task_named

    try:
        return task_named(description.operation, description.labels)
    except NotFoundError:
        raise InputError(
            f"cascade {description.summary.name!r}",
            f"its operation {description.operation!r} is not known here",
            "Use the version of Headgate that the server runs.",
        ) from None


def _most(description: CascadeDescription) -> int:
    """Return how many records are sent at once."""
    from headgate.domains.questions.task import ANSWER_QUESTIONS
    from headgate.domains.schemas.match_task import MATCH_COLUMNS

    own = {MATCH_COLUMNS: MAX_TABLE_BATCH, ANSWER_QUESTIONS: MAX_QUESTION_BATCH}
    return own.get(description.operation, MAX_BATCH)


def _batches(records: Sequence[Record], most: int) -> Iterator[list[Record]]:
    """Yield the records in order, in batches that fit into one request.

    Raises:
        InputError: A record is larger than any request; before the first batch.
    """
    sizes_bytes = [_size_bytes(record) for record in records]
    for record, own_bytes in zip(records, sizes_bytes, strict=True):
        if own_bytes > MAX_RECORD_BYTES:
            problem = f"its texts have {own_bytes:,} bytes, and a request has {MAX_RECORD_BYTES:,}"
            remedy = "Send fewer rows of its tables, or use `headgate batch run`."
            raise InputError(f"record {record.id!r}", problem, remedy)
    batch: list[Record] = []
    size_bytes = 0
    for record, own_bytes in zip(records, sizes_bytes, strict=True):
        if batch and (len(batch) == most or size_bytes + own_bytes > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += own_bytes
    if batch:
        yield batch


def _size_bytes(record: Record) -> int:
    texts = [*record.fields.values(), *(candidate.text for candidate in record.candidates)]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _run(client: Client, cascade: str, batches: Iterable[list[Record]]) -> Iterator[Result]:
    for batch in batches:
        yield from client.run_cascade(batch, cascade=cascade)


def _stream(client: Client, cascade: str, batches: Iterable[list[Record]]) -> Iterator[Result]:
    for batch in batches:
        for _, result in client.stream_cascade(batch, cascade=cascade):
            yield result


def _explain(
    client: Client, cascade: str, batches: Iterable[list[Record]]
) -> Iterator[Explanation]:
    for batch in batches:
        yield from client.explain_cascade(batch, cascade=cascade)


def _show(
    answers: Iterator[Answer],
    form: Form[Answer],
    description: CascadeDescription,
    output: Output,
    *,
    at_once: bool,
) -> None:
    """Show every answer that came, even when a later batch fails as a whole."""
    thresholds = {stage.name: stage.threshold for stage in description.stages}
    seen: list[Answer] = []
    try:
        for answer in answers:
            seen.append(answer)
            if output is Output.JSON:
                emit_json(as_json(answer, thresholds))
            elif at_once:
                for line in lines_of(answer):
                    emit("\t".join(map(one_line, form.cells(line, thresholds))))
    finally:
        if output is Output.TABLE and seen and not at_once:
            lines = chain.from_iterable(map(lines_of, seen))
            cells = [form.cells(line, thresholds) for line in lines]
            emit(table(form.columns, cells, numbers=form.numbers))
    if output is Output.TABLE:
        emit(summary(seen, form))
    _fail_for(seen)


def _fail_for(answers: Sequence[Result] | Sequence[Explanation]) -> None:
    """End with the exit code of the first record that failed, if one did."""
    errors = [each.error for each in answers if each.error is not None]
    if errors:
        first = messages(errors[0])[0]
        note(f"headgate: {len(errors)} of {len(answers)} records failed; the first: {first}")
        raise typer.Exit(exit_code(errors[0]))
