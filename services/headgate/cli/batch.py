"""`headgate batch`: a cascade over files, each line or row answered once.

FILE, input -> job in a directory -> parts, receipt, page;  resume, status, diff of such directories
"""

from __future__ import annotations

import os
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
    from headgate.batch.run import Placement
    from headgate.batch.status import JobStatus

app = typer.Typer(help="Run a cascade over files.", no_args_is_help=True)

Inputs: TypeAlias = Annotated[
    list[str],
    typer.Option("--input", metavar="PLACE", help="File, directory, glob or URL; several times."),
]
JobDir: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory of a job.", show_default=False)
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


@app.command()
def run(  # noqa: PLR0913 - each is an option of the command line
    file: CascadeFile,
    *,
    input_: Inputs,
    directory: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where to; empty or of this job.")
    ],
    input_format: Annotated[
        Literal["auto", "text", "jsonl", "csv", "parquet"],
        typer.Option("--input-format", help="`auto` goes by the name of each file."),
    ] = "auto",
    line_format: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="syslog, klog, json, log4j, bgl or hdfs."),
    ] = None,
    header_pattern: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Of a whole line, with a group `content`."),
    ] = None,
    event_start: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="A line without it belongs to the one above."),
    ] = None,
    per: Annotated[
        Literal["template", "line"],
        typer.Option(help="What of text is answered once; rows are always answered by themselves."),
    ] = "template",
    parts: Annotated[
        Literal["parquet", "jsonl", "csv"], typer.Option("--format", help="Of the output.")
    ] = "parquet",
    partition_by: Annotated[
        str, typer.Option(metavar="COLUMN", help="Make a folder of each value, or of each `date`.")
    ] = "",
    certify: Annotated[
        bool,
        typer.Option("--certify", help="Certify this very batch with a sample of it."),
    ] = False,
    workers: Workers = None,
    address: Address = "",
    max_errors: MaxErrors = None,
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
    _go(job, Placement(workers, address, max_errors), quiet=quiet, shown=not no_progress)


@app.command()
def resume(
    directory: JobDir,
    *,
    workers: Workers = None,
    address: Address = "",
    max_errors: MaxErrors = None,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Go on with a job that was stopped, with the input and the cascade it was begun with."""
    from headgate.batch.job import Job
    from headgate.batch.run import Placement

    job = Job.of(directory)
    _go(job, Placement(workers, address, max_errors), quiet=quiet, shown=not no_progress)


@app.command()
def status(directory: JobDir, *, output: OutputFormat = Output.TABLE) -> None:
    """Show how far a job is, and who works on it."""
    from headgate.batch.status import status as status_of

    found = status_of(directory)
    if output is Output.JSON:
        emit_json(found, indent=2)
        return
    emit(table(("job", found.identity.id), _status_rows(found)))


@app.command()
def diff(
    before: JobDir,
    after: JobDir,
    *,
    most: Annotated[int, typer.Option(min=1, help="Most examples of changed lines.")] = 20,
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
        emit(found.headline())
        for part in (found.counts(), found.template_changes(most), found.changes(most)):
            if part.rows:
                emit(table(part.columns, part.rows))
    if not found.same:
        raise typer.Exit(GATE_FAILED)


def _go(job: Job, placement: Placement, *, quiet: bool, shown: bool) -> None:
    if not quiet:
        files = len(job.identity.files)
        note(f"job {job.identity.id}: {job.identity.cascade.name} over {files} files")
    with batch_progress(shown=shown and not quiet) as report:
        job.run(placement, environment=os.environ, report=report)
    emit((job.directory / "receipt.txt").read_text(encoding="utf-8").rstrip())


def _status_rows(found: JobStatus) -> list[tuple[str, str]]:
    owner = found.owner
    return [
        ("cascade", f"{found.identity.cascade.name}, revision {found.identity.cascade.revision}"),
        ("state", found.state),
        ("worked on by", f"process {owner.pid} on {owner.host}" if owner else "-"),
        ("runs", str(found.runs)),
        ("units read, answered, written", f"{found.read}, {found.answered}, {found.written}"),
        ("units", str(found.units)),
        ("rows read, written", f"{found.rows_read}, {found.rows_written}"),
        ("dead letters", str(found.dead_letters)),
        ("large-model calls", str(found.usage.calls)),
        ("USD", dollars(found.usage.cost_usd)),
    ]
