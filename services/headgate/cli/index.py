"""`headgate index`: a corpus made searchable, searched, and kept up to date.

files -> index in a directory -> passages for a question;  add, delete, status
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from headgate.cli.options import NoProgress, OutputFormat, Quiet
from headgate.cli.output import Output, emit, emit_json, note, table

if TYPE_CHECKING:
    from headgate.batch.corpus import BuildProgress, Change, IndexStatus
    from headgate.batch.types import InputSpec
    from headgate.retrieval.corpus import Found

_SHOWN_CHARS = 240
"""Of a passage in a table; JSON has all of it."""

app = typer.Typer(help="Make a corpus searchable, and search it.", no_args_is_help=True)

Inputs: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--input",
        metavar="PLACE",
        help="File, directory, glob in quotes, or URL; may be given several times.",
    ),
]
InputFormat: TypeAlias = Annotated[
    Literal["auto", "text", "jsonl", "csv", "parquet"],
    typer.Option(
        "--input-format", help="Format of the input; `auto` goes by the name of each file."
    ),
]
IndexDir: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="The index's --output.", show_default=False)
]
MaxErrors: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-errors", min=0, help="Stop after more wrong lines or rows than this."),
]


@app.command()
def build(  # noqa: PLR0913 - each is an option of the command line
    *,
    input_: Inputs,
    directory: Annotated[
        Path,
        typer.Option(
            "--output", metavar="DIR", file_okay=False, help="Where to: new, empty or an index."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", help="Encoder: `embedded`, a directory, or a hub id."),
    ] = "embedded",
    precision: Annotated[
        Literal["int8", "float32"],
        typer.Option(help="Of the encoder: `int8` for CPUs, `float32` for a GPU."),
    ] = "int8",
    input_format: InputFormat = "auto",
    max_errors: MaxErrors = None,
    output: Annotated[
        Output, typer.Option("--output-format", help="How data is written to stdout.")
    ] = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Make an index of the passages in files of text, JSON Lines, CSV or Parquet.

    Text is cut into passages of about a hundred words. A row is a passage, with the columns `text`
    and, if they are there, `title` and `id`. Stopped at any moment it goes on where it was, with
    the same command; files that are in the index and have not changed are passed over.
    """
    from headgate.batch import corpus

    spec, choice = _spec(input_, input_format), corpus.EncoderChoice(model, precision=precision)
    with _watched(directory, quiet=quiet, shown=not no_progress) as report:
        made = corpus.build(
            directory, spec, choice, limits=corpus.Limits(max_errors), report=report
        )
    _show(made, output)


@app.command()
def add(
    directory: IndexDir,
    *,
    input_: Inputs,
    input_format: InputFormat = "auto",
    max_errors: MaxErrors = None,
    output: OutputFormat = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Add files to an index, with its encoder; a file that has changed replaces its passages."""
    from headgate.batch import corpus

    spec = _spec(input_, input_format)
    with _watched(directory, quiet=quiet, shown=not no_progress) as report:
        made = corpus.add(directory, spec, limits=corpus.Limits(max_errors), report=report)
    _show(made, output)


@app.command()
def delete(
    directory: IndexDir,
    *,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="PLACE", help="File, or directory with all below it."),
    ] = None,
    id_: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Id of one passage.")
    ] = None,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Delete files or single passages from an index: all that is named, or nothing."""
    from headgate.batch import corpus

    if not (source or id_):
        raise typer.BadParameter("Name what to delete with --source or --id.")
    _show(corpus.delete(directory, sources=source or (), ids=id_ or ()), output)


@app.command()
def search(
    directory: IndexDir,
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="Questions.", show_default=False)
    ],
    *,
    top_k: Annotated[int, typer.Option(min=1, max=1000, help="Passages for each.")] = 5,
    by: Annotated[
        Literal["both", "vectors", "words"], typer.Option(help="What finds them.")
    ] = "both",
    output: OutputFormat = Output.TABLE,
) -> None:
    """Show the passages of an index that fit a question best."""
    found = _searched(directory, query, top_k, by)
    if output is Output.JSON:
        for text, hits in zip(query, found, strict=True):
            emit_json({"query": text, "hits": hits})
        return
    emit("\n\n".join(_hits(text, hits) for text, hits in zip(query, found, strict=True)))


@app.command()
def status(directory: IndexDir, *, output: OutputFormat = Output.TABLE) -> None:
    """Show what an index holds, and whether a stopped run is to be gone on with."""
    from headgate.batch import corpus

    found = corpus.status(directory)
    if output is Output.JSON:
        emit_json(found, indent=2)
        return
    emit(table(("index", found.directory), list(_status_rows(found))))


def _spec(patterns: Sequence[str], input_format: str) -> InputSpec:
    from headgate.batch.corpus import MAX_LINE_BYTES
    from headgate.batch.types import InputSpec

    return InputSpec(tuple(patterns), input_format, max_line_bytes=MAX_LINE_BYTES)


@contextlib.contextmanager
def _watched(
    directory: Path, *, quiet: bool, shown: bool
) -> Iterator[Callable[[BuildProgress], None] | None]:
    """Show how far it is, and say how it is gone on with when it is stopped."""
    if not quiet:
        note(f"indexing to {directory}")
    try:
        with _progress(shown=shown and not quiet) as report:
            yield report
    except (KeyboardInterrupt, OSError):
        if directory.exists() and not quiet:
            again = shlex.join(["headgate", *sys.argv[1:]])
            note(f"what is embedded is kept; to go on: {again}")
        raise


@contextlib.contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[BuildProgress], None] | None]:
    # What libraries print meanwhile goes to stderr: stdout is for data.
    with contextlib.redirect_stdout(sys.stderr):
        if not (shown and sys.stderr.isatty()):
            yield None
            return
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=4) as live:
            yield lambda state: live.update(progress_line(state))


def progress_line(state: BuildProgress) -> str:
    """Return how far the making of an index is, in one line."""
    return (
        f"{state.step}: {state.passages:,} passages, {state.passages_per_s:,.0f}/s, "
        f"{state.files:,} of {state.of_files:,} files"
    )


def _show(made: Change, output: Output) -> None:
    if output is Output.JSON:
        emit_json(made, indent=2)
        return
    emit(table(("index", made.directory), list(_change_rows(made))))
    if made.wrong:
        note(f"{made.wrong:,} lines or rows are no passages, the first is {made.first_wrong}")


def _change_rows(made: Change) -> Iterator[tuple[str, str]]:
    """Yield what the index is now, and what of the rest there is anything to say about."""
    from headgate.pages.amounts import duration, size

    counts = {
        "duplicates": made.duplicates,
        "files read": made.files_read,
        "files unchanged": made.files_unchanged,
        "passages added": made.added,
        "passages removed": made.removed,
        "wrong lines or rows": made.wrong,
    }
    yield "passages", f"{made.passages:,}"
    yield from ((name, f"{count:,}") for name, count in counts.items() if count)
    yield "size", size(made.size_bytes)
    yield "time", duration(made.seconds)
    if made.embedded and made.seconds:
        yield "embedded", f"{made.embedded:,}, {made.embedded / made.seconds:,.1f}/s"
    yield "generation", f"{made.generation}"


def _searched(
    directory: Path, query: Sequence[str], top_k: int, by: str
) -> list[tuple[Found, ...]]:
    from headgate.batch.corpus import EncoderChoice
    from headgate.retrieval.corpus import CorpusIndex

    index = CorpusIndex.open(directory)
    if by == "words":
        return index.search_words(query, top_k)
    with contextlib.redirect_stdout(sys.stderr):
        encoder = EncoderChoice.of(index.manifest.model).load()
    index.check_encoder(encoder.fingerprint)
    vectors = encoder.encode(query)
    if by == "vectors":
        return index.search_vectors(vectors, top_k)
    return index.search(query, vectors, top_k)


def _hits(query: str, hits: Sequence[Found]) -> str:
    if not hits:
        return f"{query}: nothing was found"
    rows = [
        (each.passage.id, each.passage.title, _beginning(each.passage.text), f"{each.score:.4f}")
        for each in hits
    ]
    return table(("id", "title", "text", "score"), rows, numbers=1)


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _status_rows(found: IndexStatus) -> Iterator[tuple[str, str]]:
    from headgate.pages.amounts import size

    owner = found.owner
    yield "state", found.state
    yield "worked on by", f"process {owner.pid} on {owner.host}" if owner else "-"
    yield "generation", f"{found.generation}"
    yield "passages", f"{found.passages:,}"
    yield "duplicates", f"{found.duplicates:,}"
    yield "not searched yet", f"{found.waiting:,}"
    yield "files", f"{found.files:,}"
    yield "wrong lines or rows", f"{found.wrong:,}"
    yield "model", found.model
    yield "encoder", found.encoder
    yield "size", size(found.size_bytes)
