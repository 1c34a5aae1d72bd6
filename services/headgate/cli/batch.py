"""`headgate batch`: a cascade over files, each line or row answered once.

FILE, input -> job in a directory -> parts, page, receipt -> stdout;  resume, status, diff of jobs
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from headgate.cli.exits import GATE_FAILED
from headgate.cli.options import (
    ArtifactDir,
    CascadeFile,
    NoProgress,
    OutputFormat,
    Quiet,
    with_artifact,
)
from headgate.cli.output import Output, dollars, emit, emit_json, note, table
from headgate.cli.progress import batch_progress

if TYPE_CHECKING:
    from headgate.batch.job import Job
    from headgate.batch.outputs.diff_report import DiffReport
    from headgate.batch.run import Placement
    from headgate.batch.status import JobStatus

app = typer.Typer(help="Run a cascade over files.", no_args_is_help=True)

Inputs: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--input",
        metavar="PLACE",
        help="File, directory, glob in quotes, or URL; may be given several times.",
    ),
]
JobDir: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="The job's --output.", show_default=False)
]
Before: TypeAlias = Annotated[
    Path, typer.Argument(metavar="BEFORE", help="Directory of a job.", show_default=False)
]
After: TypeAlias = Annotated[
    Path, typer.Argument(metavar="AFTER", help="Directory of another job.", show_default=False)
]
Workers: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Workers; one a core when absent.")
]
Address: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="RAY", help="Ray cluster to work on, `local` for one here; threads when absent."
    ),
]
MaxErrors: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-errors", min=0, help="Stop after more wrong lines or rows than this."),
]
ReceiptFormat: TypeAlias = Annotated[
    Output, typer.Option("--receipt", help="How the receipt is written to stdout.")
]


@app.command()
def run(  # noqa: PLR0913 - each is an option of the command line
    file: CascadeFile,
    *,
    input_: Inputs,
    directory: Annotated[
        Path,
        typer.Option(
            "--output", metavar="DIR", file_okay=False, help="Where to: new, empty or of this job."
        ),
    ],
    input_format: Annotated[
        Literal["auto", "text", "jsonl", "csv", "parquet"],
        typer.Option(
            "--input-format", help="Format of the input; `auto` goes by the name of each file."
        ),
    ] = "auto",
    line_format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="How lines begin: syslog, klog, json, log4j, bgl or hdfs."
        ),
    ] = None,
    header_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="The same by a pattern of a line, with a group `content`."
        ),
    ] = None,
    event_start: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="A line that lacks it belongs to the one above."),
    ] = None,
    per: Annotated[
        Literal["template", "line"],
        typer.Option(help="What of text is answered once; of rows, it is each different row."),
    ] = "template",
    parts: Annotated[
        Literal["parquet", "jsonl", "csv"],
        typer.Option("--format", help="Format of the output."),
    ] = "parquet",
    partition_by: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="A folder for each of its values; `date` for each day."
        ),
    ] = "",
    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            help="Certify this very batch, by a sample of it that the large model answers.",
        ),
    ] = False,
    workers: Workers = None,
    address: Address = "",
    max_errors: MaxErrors = None,
    receipt: ReceiptFormat = Output.TABLE,
    artifact: ArtifactDir = None,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Answer every line or row of files, once, and write parts and a receipt.

    Stopped at any moment it goes on where it was: with the same command, or with `batch resume`.
    """
    from headgate.batch.job import Job, OutputSpec
    from headgate.batch.run import Placement
    from headgate.batch.types import InputSpec
    from headgate.cascade.load import load_cascade

    loaded = with_artifact(load_cascade(file), artifact)
    spec = InputSpec(tuple(input_), input_format, line_format, header_pattern, event_start)
    output = OutputSpec(per, parts, partition_by, certify)
    job = Job.new(loaded, spec, directory, output)
    placement = Placement(workers, address, max_errors)
    _go(job, placement, receipt, quiet=quiet, shown=not no_progress)


@app.command()
def resume(
    directory: JobDir,
    *,
    workers: Workers = None,
    address: Address = "",
    max_errors: MaxErrors = None,
    receipt: ReceiptFormat = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Go on with a job that was stopped, with the input and the cascade it was begun with."""
    from headgate.batch.job import Job
    from headgate.batch.run import Placement

    job = Job.of(directory)
    placement = Placement(workers, address, max_errors)
    _go(job, placement, receipt, quiet=quiet, shown=not no_progress)


@app.command()
def status(directory: JobDir, *, output: OutputFormat = Output.TABLE) -> None:
    """Show how far a job is, and who works on it."""
    from headgate.batch.status import status as status_of

    found = status_of(directory)
    if output is Output.JSON:
        emit_json(found, indent=2)
        return
    emit(table(("job", found.identity.id), list(_status_rows(found))))


@app.command()
def diff(
    before: Before,
    after: After,
    *,
    most: Annotated[int, typer.Option(min=1, help="Most rows of each table.")] = 20,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Compare two finished jobs on the same input, such as of two versions of a cascade.

    The exit code is 1 when an answer, a tier or a template differs.
    """
    from headgate.batch.outputs.diff import diff as compare

    found = compare(before, after)
    if output is Output.JSON:
        emit_json(found.to_json(), indent=2)
    else:
        emit("\n\n".join(_differences(found, most)))
    if not found.same:
        raise typer.Exit(GATE_FAILED)


def _go(job: Job, placement: Placement, receipt: Output, *, quiet: bool, shown: bool) -> None:
    """Do the job and write its receipt to stdout."""
    from headgate.batch.outputs.receipt_files import RECEIPT_JSON, RECEIPT_TEXT
    from headgate.pages.amounts import counted

    path = job.directory / (RECEIPT_JSON if receipt is Output.JSON else RECEIPT_TEXT)
    before = path.read_bytes() if path.is_file() else b""
    if not quiet:
        files = counted(len(job.identity.files), "file")
        note(f"{job.identity.cascade.name}: {files} to {job.directory}")
    with _told_how_to_go_on(job, quiet=quiet), batch_progress(shown=shown and not quiet) as report:
        job.run(placement, environment=os.environ, report=report)
    after = path.read_bytes()
    if after == before and not quiet:
        note("it was finished before; there was nothing left to do")
    emit(after.decode().rstrip())


@contextlib.contextmanager
def _told_how_to_go_on(job: Job, *, quiet: bool) -> Iterator[None]:
    """Say, when the block is stopped, how the job is gone on with; if it was begun at all."""
    from headgate.batch.identity import FILE

    try:
        yield
    except (KeyboardInterrupt, OSError):
        if (job.directory / FILE).exists() and not quiet:
            note(f"to go on: headgate batch resume {shlex.quote(str(job.directory))}")
        raise


def _differences(found: DiffReport, most: int) -> Iterator[str]:
    """Yield what differs for people, the sum of it first."""
    yield found.headline()
    if not found.same:
        for part in (found.counts(), found.template_changes(most), found.changes(most)):
            if part.rows:
                yield table(part.columns, part.rows)


def _status_rows(found: JobStatus) -> Iterator[tuple[str, str]]:
    owner, units = found.owner, found.units
    yield "cascade", f"{found.identity.cascade.name}, revision {found.identity.cascade.revision}"
    yield "state", found.state
    yield "worked on by", f"process {owner.pid} on {owner.host}" if owner else "-"
    yield "runs", f"{found.runs}"
    yield "units read", f"{found.read} of {units}"
    yield "units answered", f"{found.answered} of {units}"
    yield "units written", f"{found.written} of {units}"
    yield "rows read", f"{found.rows_read:,}"
    yield "rows written", f"{found.rows_written:,}"
    yield "wrong lines or rows", f"{found.dead_letters:,}"
    yield "large-model calls", f"{found.usage.calls:,}"
    yield "USD", dollars(found.usage.cost_usd)
