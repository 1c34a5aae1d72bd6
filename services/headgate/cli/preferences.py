"""`headgate preferences`: labelled questions in, rows to train a decomposer on out.

FILE, labels -> several plans a question, each carried out -> sft.jsonl, dpo.jsonl, plans.jsonl
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.options import ArtifactDir, CascadeFile, NoProgress, Quiet, with_artifact
from headgate.cli.output import Output, dollars, emit, emit_json, note, table
from headgate.cli.progress import progress

if TYPE_CHECKING:
    from headgate.cascade.load import LoadedCascade
    from headgate.domains.rows import LabelledRecord
    from headgate.fitting.preferences import Preferences

QuestionLabels: TypeAlias = Annotated[
    Path, typer.Option(help="Questions with their right answers, JSON Lines.")
]
PreferencesDir: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--output", metavar="DIR", file_okay=False, help="Where to: new, empty or an export."
    ),
]
Plans: TypeAlias = Annotated[int, typer.Option(min=2, max=100, help="Plans for each question.")]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Try the first so many questions only.")
]

_RECORDED = (
    "answers to steps are recorded ones, found by their numbers whatever a plan asks: the rewards "
    "show the form, and teach nothing"
)


def preferences(  # noqa: PLR0913 - each is an option of the command line
    file: CascadeFile,
    *,
    labels: QuestionLabels,
    directory: PreferencesDir,
    plans: Plans = 5,
    limit: Limit = None,
    artifact: ArtifactDir = None,
    output: Annotated[
        Output, typer.Option("--output-format", help="How data is written to stdout.")
    ] = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Write what a language model that splits questions can be trained on.

    The model of the decompose stage is asked for several plans of each question; each plan is
    carried out by the fitted cascade and rewarded for the answer it leads to. `sft.jsonl` has the
    best plan of each question that has a good one, `dpo.jsonl` the best against the worst, in the
    conversational form that TRL reads; `plans.jsonl` has everything that was tried. This costs:
    every plan is paid, and every step of every different plan. A question on which an endpoint
    fails is left out and counted; more than a tenth of them end the export.
    """
    from headgate.cascade.load import load_cascade
    from headgate.fitting.preferences import export_preferences

    loaded = with_artifact(load_cascade(file), artifact)
    rows = _rows(loaded, labels)[:limit]
    if not quiet:
        note(f"trying {plans} plans of {len(rows)} questions with {loaded.name} -> {directory}")
    with progress(shown=not (quiet or no_progress)) as report:
        found = export_preferences(
            loaded, rows, output=directory, plans=plans, environment=os.environ, report=report
        )
    if not quiet:
        _note(loaded, found)
    _show(directory, found, output, priced=_is_priced(loaded))


def _rows(loaded: LoadedCascade, labels: Path) -> list[LabelledRecord]:
    """Return the labelled questions; the cascade is looked at first."""
    from headgate.domains.questions.task import read_labelled_questions
    from headgate.fitting.preferences import planning_stage

    planning_stage(loaded)
    return read_labelled_questions(labels)


def _note(loaded: LoadedCascade, found: Preferences) -> None:
    from headgate.cascade.lm_spec import ReplaySpec

    if found.failures:
        note(f"questions not tried: {len(found.failures)}, the first: {found.failures[0]}")
    if any(isinstance(model, ReplaySpec) for model in loaded.spec.models.values()):
        note(_RECORDED)


def _is_priced(loaded: LoadedCascade) -> bool:
    from headgate.cascade.lm_spec import LmSpec

    models = [model for model in loaded.spec.models.values() if isinstance(model, LmSpec)]
    return any(model.price is not None for model in models)


def _show(directory: Path, found: Preferences, output: Output, *, priced: bool) -> None:
    if output is Output.JSON:
        usage = {
            "calls": found.usage.calls,
            "input_tokens": found.usage.input_tokens,
            "output_tokens": found.usage.output_tokens,
            "tokens_estimated": found.usage.estimated,
            "cost_usd": found.usage.cost_usd if priced else None,
        }
        where = {"output": str(directory)}
        emit_json({**found.counts, "mean_reward": found.rewards, **usage, **where}, indent=2)
        return
    emit(table(("preferences", str(directory)), list(_shown(found, priced=priced))))


def _shown(found: Preferences, *, priced: bool) -> Iterator[tuple[str, str]]:
    counts, rewards = found.counts, found.rewards
    yield "questions", f"{counts['questions']:,}"
    yield "not tried", f"{counts['failed']:,}"
    yield "plans, usable ones", f"{counts['plans']:,}, {counts['usable']:,}"
    yield "mean reward of the first plan", _mean(rewards["first"])
    yield "mean reward of the best plan", _mean(rewards["best"])
    yield "rows of sft.jsonl", f"{counts['sft']:,}"
    yield "rows of dpo.jsonl", f"{counts['dpo']:,}"
    yield "calls", f"{found.usage.calls:,}"
    if priced:
        yield "USD", ("~" if found.usage.estimated else "") + dollars(found.usage.cost_usd)


def _mean(reward: float | None) -> str:
    return "-" if reward is None else f"{reward:.3f}"
