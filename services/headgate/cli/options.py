"""Arguments and options that several verbs share, each worded once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.output import Output

if TYPE_CHECKING:
    from headgate.cascade.load import LoadedCascade

CascadeFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="Cascade file.", show_default=False)
]
CascadeFiles: TypeAlias = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="Cascade files.", show_default=False)
]
OutputFormat: TypeAlias = Annotated[
    Output, typer.Option("--output", help="How data is written to stdout.")
]
ArtifactDir: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--artifact", metavar="DIR", help="Fitted directory, in place of the file's `artifact`."
    ),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", help="Say nothing but data and errors.")]
NoProgress: TypeAlias = Annotated[
    bool, typer.Option("--no-progress", help="Draw no bars; off a terminal there are none.")
]


StateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        envvar="HEADGATE_STATE_DIR",
        help="Where decisions and states of certificates are kept; the user's own when absent.",
    ),
]


def state_directory(named: Path | None) -> Path:
    """Return where decisions are kept, absolute."""
    from platformdirs import user_state_path

    return (named or user_state_path("headgate")).absolute()


def with_artifact(loaded: LoadedCascade, artifact: str | None) -> LoadedCascade:
    """Return the cascade with the fitted directory that the command line names, if it does."""
    if artifact is None:
        return loaded
    return replace(loaded, artifact=artifact if "://" in artifact else os.path.abspath(artifact))
