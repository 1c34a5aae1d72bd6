"""All verbs of `headgate`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate import __version__
from headgate.cli import (
    batch,
    call,
    deploy,
    doctor,
    evaluate,
    export,
    feedback,
    fit,
    index,
    plan,
    preferences,
    recertify,
    serve,
    status,
    top,
    validate,
    version,
)
from headgate.cli.output import emit
from headgate.cli.session import Session

app = typer.Typer(
    help="Small-model-first cascades: check, fit, evaluate, serve, deploy and call them.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        emit(f"headgate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where errors happen, and what Ray says.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options that stand before the verb."""
    context.ensure_object(Session).debug = debug


for _verb in (
    validate.validate,
    validate.schema,
    fit.fit,
    evaluate.evaluate,
    recertify.recertify,
    preferences.preferences,
    serve.serve,
    plan.plan,
    deploy.deploy,
    status.status,
    deploy.rollback,
    deploy.undeploy,
    call.call,
    call.explain,
    feedback.feedback,
    top.top,
    doctor.doctor,
    version.version,
):
    app.command()(_verb)

app.add_typer(batch.app, name="batch")
app.add_typer(index.app, name="index")
app.add_typer(export.app, name="export")
