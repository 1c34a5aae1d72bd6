"""`headgate evaluate`: how good a cascade is beside its tiers alone, and what it costs.

FILE, labelled rows -> engine in this process -> Evaluation -> table | JSON
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from headgate.cli.options import (
    ArtifactDir,
    CascadeFile,
    NoProgress,
    OutputFormat,
    Quiet,
    with_artifact,
)
from headgate.cli.output import Output, dollars, emit, emit_json, note, percent, table
from headgate.cli.policies import POLICY_COLUMNS, policy_rows
from headgate.cli.progress import Report, progress
from headgate.errors import InputError

if TYPE_CHECKING:
    from headgate.cascade.engine import Engine
    from headgate.cascade.lm_spec import LargeModelSpec
    from headgate.cascade.load import LoadedCascade
    from headgate.domains.rows import LabelledRecord
    from headgate.evaluation.evaluate import Evaluation
    from headgate.evaluation.report import Report as EvaluationReport
    from headgate.types import Usage

TestLabels: TypeAlias = Annotated[
    Path, typer.Option(help="Labelled rows that the cascade was not fitted on, JSON Lines.")
]
LargeAlone: TypeAlias = Annotated[
    bool,
    typer.Option("--large-alone", help="Ask the large model about every row as well. This costs."),
]

ReportFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="HTML", help="Write one page with the comparison of all policies. Asks as well."
    ),
]
SliceKeys: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--slice", metavar="KEY", help="A key of the rows to report by, such as system."),
]

DEFAULT_EPSILON, DEFAULT_DELTA = 0.05, 0.05
"""What baselines are to reach where the file states nothing."""

_RECORDED = "The large model's answers are recorded ones; no model was called."


def evaluate(  # noqa: PLR0913 - each is an option of the command line
    file: CascadeFile,
    *,
    labels: TestLabels,
    large_alone: LargeAlone = False,
    report: ReportFile = None,
    slice_: SliceKeys = None,
    artifact: ArtifactDir = None,
    output: OutputFormat = Output.TABLE,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Measure a fitted cascade on labelled rows: accuracy, large-model share, cost, latency.

    The large model is asked once about each row that the gates send on. The first 200 rows are
    timed one by one, the others pass in batches. With `--report` the large model is asked about
    every row, and all policies are compared: tiers alone, random, thresholds picked by eye or by
    other rules, the oracle. Of tables, a row is a source column, and each whole table is timed.
    """
    from headgate.cascade.assemble import task_of
    from headgate.cascade.load import load_cascade
    from headgate.cascade.open import open_engine
    from headgate.domains.tasks import read_labels

    loaded = with_artifact(load_cascade(file), artifact)
    _check_options(loaded, large_alone, report, slice_ or ())
    large_alone = large_alone or report is not None
    rows = read_labels(labels, task_of(loaded))
    slices = _slices(labels, slice_ or (), rows)
    engine = open_engine(loaded, os.environ)
    if not quiet:
        note(f"evaluating {loaded.name}, revision {engine.revision}, on {len(rows)} rows")
    with progress(shown=not (quiet or no_progress)) as told:
        evaluation = asyncio.run(_measure(engine, rows, large_alone, slices, told))
    compared = _compared(loaded, engine, evaluation)
    if report is not None and compared is not None:
        _write_page(report, compared, quiet=quiet)
    _show(loaded, engine, evaluation, compared, output)


def _check_options(
    loaded: LoadedCascade, large_alone: bool, report: Path | None, slices: Sequence[str]
) -> None:
    """Refuse what cannot be done before a model is asked, which costs.

    Raises:
        InputError: An option asks for what is not there.
    """
    option = "--report" if report else "--large-alone"
    if (large_alone or report) and not _large_models(loaded):
        raise InputError(option, f"{loaded.name} has no large model", "Leave it out.")
    if slices and not (large_alone or report):
        raise InputError("--slice", "only a comparison is sliced", "Add --report.")
    if report is not None and not report.absolute().parent.is_dir():
        raise InputError(option, f"there is no folder {report.parent}", "Name one that is there.")


def _slices(
    labels: Path, keys: Sequence[str], rows: Sequence[LabelledRecord]
) -> dict[str, list[str]]:
    """Return the values of the rows by the key of each slice; a column has that of its table."""
    from headgate.domains.rows import read_column

    found = {key: read_column(labels, key) for key in keys}
    sizes = _sizes(rows)
    if any(len(values) != len(sizes) for values in found.values()):
        raise InputError("--slice", "several rows of pairs are one record", "Leave it out.")
    return {
        key: list(chain.from_iterable(map(repeat, values, sizes))) for key, values in found.items()
    }


def _sizes(rows: Sequence[LabelledRecord]) -> list[int]:
    """Return how many labelled rows came of each line of their file."""
    from headgate.domains.schemas.match_record import ColumnRecord
    from headgate.evaluation.matched_tables import by_table

    if isinstance(rows[0].record, ColumnRecord):
        return [len(table) for table in by_table(rows)]
    return [1] * len(rows)


def _compared(loaded: LoadedCascade, engine: Engine, found: Evaluation) -> EvaluationReport | None:
    """Return the comparison of all policies; None without the large model's answer to each row."""
    from headgate.evaluation.report import Subject, build_report

    if found.outcomes is None:
        return None
    certificate = engine.guarantee.summary()
    subject = Subject(
        name=engine.name,
        revision=engine.revision,
        epsilon=certificate.epsilon if certificate else DEFAULT_EPSILON,
        delta=certificate.delta if certificate else DEFAULT_DELTA,
        recorded=any(model.engine == "replay" for model in _large_models(loaded)),
        priced=all(model.price is not None for model in _large_models(loaded)),
    )
    return build_report(found.outcomes, subject, certificate=certificate)


def _write_page(path: Path, compared: EvaluationReport, *, quiet: bool) -> None:
    from headgate.evaluation.page import html_page

    path.write_text(html_page(compared), encoding="utf-8")
    if not quiet:
        note(f"report written to {path}")


def _large_models(loaded: LoadedCascade) -> list[LargeModelSpec]:
    """Return what the file says of its large models."""
    from headgate.cascade.large_models import lm_specs

    return list(lm_specs(loaded).values())


async def _measure(
    engine: Engine,
    rows: Sequence[LabelledRecord],
    large_alone: bool,
    slices: Mapping[str, Sequence[str]],
    report: Report,
) -> Evaluation:
    from headgate.evaluation.evaluate import evaluate as measure

    try:
        await engine.warm_up()
        return await measure(engine, rows, large_alone=large_alone, slices=slices, report=report)
    finally:
        await engine.close()


def _show(
    loaded: LoadedCascade,
    engine: Engine,
    found: Evaluation,
    compared: EvaluationReport | None,
    output: Output,
) -> None:
    recorded = any(model.engine == "replay" for model in _large_models(loaded))
    priced = any(model.price is not None for model in _large_models(loaded))
    if output is Output.JSON:
        shown = _as_json(engine, found, recorded=recorded, priced=priced)
        emit_json({**shown, "report": compared.to_json() if compared else None}, indent=2)
        return
    emit(f"{engine.name}, revision {engine.revision}, {_counted(found)}")
    emit(table(_COLUMNS, _rows(found, priced=priced), numbers=len(_COLUMNS) - 1))
    if found.matching:
        emit(table(_MATCHING, _matching_rows(found), numbers=len(_MATCHING) - 1))
    if compared is not None:
        emit(compared.headline)
        emit(table(POLICY_COLUMNS, policy_rows(compared), numbers=len(POLICY_COLUMNS) - 1))
    emit(f"degraded: {_reasons(found.degraded)}; failed: {_reasons(found.failed)}")
    if recorded:
        emit(_RECORDED)


_COLUMNS = ("", "accuracy", "large-model share", "USD", "USD per 1,000", "p50 ms", "p95 ms")
_MATCHING = ("mean over tables", "MRR", "recall at truth", "one-to-one F1")


def _counted(found: Evaluation) -> str:
    if not found.matching:
        return f"{found.rows} rows"
    return f"{found.rows} columns of {found.matching['cascade'].tables} tables"


def _matching_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """Return how well whole tables are matched by the small model alone and by the cascade."""
    names = {"small": "small alone", "cascade": "cascade"}
    return [
        (names[key], *map(percent, (each.mrr, each.recall_at_truth, each.one_to_one_f1)))
        for key, each in found.matching.items()
    ]


def _rows(found: Evaluation, *, priced: bool) -> list[tuple[str, ...]]:
    """Return the tiers alone, the cascade, and whichever tier is right."""
    times = (f"{found.p50_ms:.1f}", f"{found.p95_ms:.1f}")
    rows: list[tuple[str, ...]] = [
        ("small alone", percent(found.small_accuracy), percent(0.0), "-", "-", "-", "-")
    ]
    if found.large_accuracy is not None:
        cost = _cost(found.large_usage, found.rows, priced=priced)
        rows.append(("large alone", percent(found.large_accuracy), percent(1.0), *cost, "-", "-"))
    cost = _cost(found.usage, found.rows, priced=priced)
    share = percent(found.llm_share)
    rows.append(("cascade", percent(found.cascade_accuracy), share, *cost, *times))
    if found.oracle_accuracy is not None:
        rows.append(("oracle", percent(found.oracle_accuracy), "-", "-", "-", "-", "-"))
    return rows


def _cost(usage: Usage, rows: int, *, priced: bool) -> tuple[str, str]:
    """Return the total and that of 1,000 records; `~` when tokens were estimated."""
    if not priced:
        return "-", "-"
    sign = "~" if usage.estimated else ""
    return sign + dollars(usage.cost_usd), sign + dollars(usage.cost_usd * 1000 / rows)


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "none"


def _as_json(
    engine: Engine, found: Evaluation, *, recorded: bool, priced: bool
) -> dict[str, object]:
    """Return every figure; costs are null without a price."""
    large = None
    if found.large_accuracy is not None:
        large = {
            "accuracy": found.large_accuracy,
            "oracle_accuracy": found.oracle_accuracy,
            **_usage(found.large_usage, found.rows, priced=priced),
        }
    return {
        "name": engine.name,
        "revision": engine.revision,
        "rows": found.rows,
        "recorded": recorded,
        "small_alone": {"accuracy": found.small_accuracy},
        "large_alone": large,
        "cascade": {
            "accuracy": found.cascade_accuracy,
            "llm_share": found.llm_share,
            **_usage(found.usage, found.rows, priced=priced),
            "seconds": found.seconds,
            "p50_ms": found.p50_ms,
            "p95_ms": found.p95_ms,
        },
        "degraded": found.degraded,
        "failed": found.failed,
        "matching": found.matching or None,
    }


def _usage(usage: Usage, rows: int, *, priced: bool) -> dict[str, object]:
    return {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens_estimated": usage.estimated,
        "cost_usd": usage.cost_usd if priced else None,
        "cost_usd_per_1000": usage.cost_usd * 1000 / rows if priced else None,
    }
