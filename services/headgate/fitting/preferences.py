"""Tries several plans for each labelled question, to train the language model that writes them.

questions -> samples of the decompose stage's model -> distinct plans -> steps, synthesis
          -> answers -> rewards -> DIRECTORY/{sft.jsonl, dpo.jsonl, plans.jsonl, manifest.json}

Steps and synthesis are those of the fitted cascade, so a plan is worth what it is worth to it. Of
recorded answers this holds for the plan that was recorded with them only: the answer to a step is
found by its number, whatever another plan asks there.

Source:
    Collab-RAG (Xu et al. 2025), arXiv:2504.04915, section 3.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.artifact import JSON, Artifact, ArtifactWriter
from headgate.artifact.manifest import MANIFEST, read_manifest
from headgate.cascade.engine import Engine
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import SplitterSpec
from headgate.cascade.open import open_engine
from headgate.cascade.spec import DecomposeSpec
from headgate.domains.rows import LabelledRecord
from headgate.errors import ArtifactError, HeadgateError, InputError
from headgate.fitting.plan_trials import PlanTrials
from headgate.fitting.rewards import Trial
from headgate.fitting.vectors import Report
from headgate.stages.catalog import Decompose, Synthesise
from headgate.stages.decompose import LmPlanner
from headgate.types import Usage

KIND = "preferences"
"""The kind of artifact that an export writes."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was tried, and what it took."""

    trials: Sequence[Trial]
    """One a question that could be tried, in order."""
    failures: Sequence[HeadgateError]
    """One a question for which an endpoint failed; of it nothing is known."""
    usage: Usage
    """Of all language models together."""

    @property
    def examples(self) -> list[dict[str, JSON]]:
        """Return the rows to imitate, one at most a question."""
        return [row for each in self.trials if (row := each.example()) is not None]

    @property
    def pairs(self) -> list[dict[str, JSON]]:
        """Return the rows of preferences, one at most a question."""
        return [row for each in self.trials if (row := each.pair()) is not None]

    @property
    def rows(self) -> list[dict[str, JSON]]:
        """Return a row for everything that was tried."""
        return [row for each in self.trials for row in each.rows()]

    @property
    def counts(self) -> dict[str, int]:
        """Return how many questions, plans and rows there are."""
        tried = [plan for each in self.trials for plan in each.tried]
        return {
            "questions": len(self.trials),
            "failed": len(self.failures),
            "plans": len(tried),
            "usable": sum(plan.usable for plan in tried),
            "sft": len(self.examples),
            "dpo": len(self.pairs),
        }

    @property
    def rewards(self) -> dict[str, float | None]:
        """Return the mean rewards of the first plan and of the best one; None without trials."""
        if not self.trials:
            return {"first": None, "best": None}
        first = sum(each.tried[0].reward for each in self.trials)
        best = sum(each.best.reward for each in self.trials)
        return {"first": first / len(self.trials), "best": best / len(self.trials)}


def planning_stage(loaded: LoadedCascade) -> DecomposeSpec:
    """Return the stage whose plans are carried out and whose language model can learn.

    Raises:
        InputError: The cascade answers no questions by steps, or a splitter makes the plans.
    """
    spec = loaded.spec
    named = spec.for_each.of if spec.for_each is not None else None
    stages = [each for each in spec.unit_flow if isinstance(each, DecomposeSpec)]
    stage = next((each for each in stages if each.name == named), None)
    if stage is None:
        raise InputError(
            f"cascade {loaded.name!r}",
            "it does not answer questions by steps, so no plan can be tried",
            "Name one of the domain `questions` with a decompose and a synthesise.",
        )
    if isinstance(spec.models[stage.model], SplitterSpec):
        raise InputError(
            f"cascade {loaded.name!r}, stage {stage.name!r}",
            f"its model {stage.model!r} is a splitter, which writes no plans to choose from",
            "Train it on decompositions with `headgate fit`, or name a language model there.",
        )
    return stage


def export_preferences(
    loaded: LoadedCascade,
    rows: Sequence[LabelledRecord],
    *,
    output: Path,
    plans: int,
    environment: Mapping[str, str] | None = None,
    report: Report = lambda step, done, total: None,
) -> Preferences:
    """Try plans for all questions and write what can be learnt of them.

    It blocks; an event loop calls it in a thread. A directory that an earlier export wrote is
    replaced once the new one is whole.

    Args:
        loaded: The cascade, fitted.
        rows: Labelled questions.
        output: Where to write.
        plans: How many are asked for a question, at least 1: the likeliest, then samples.
        environment: Where keys of language models are looked up; empty when absent.
        report: Told of progress.

    Raises:
        InputError: The cascade has no plans that a language model writes; or an endpoint failed
            on more than a tenth of the questions.
        ArtifactError: The cascade is not fitted, or the place is taken by something else.
        ModelError: An encoder cannot be loaded.
        LmRefusedError: A key is not where the file says.
    """
    stage = planning_stage(loaded)
    with ArtifactWriter(output) as writer:
        _refuse_other_artifacts(output)
        engine = open_engine(loaded, environment or {})
        trials = PlanTrials(*_nodes(engine, stage), plans, report)
        found = asyncio.run(_collected(engine, trials, rows))
        _write(writer, loaded, found)
    return found


def _refuse_other_artifacts(directory: Path) -> None:
    """Refuse a place where something else was written that is ours, such as what was fitted."""
    if not (directory / MANIFEST).exists():
        return
    kind = read_manifest(directory, str(directory)).kind
    if kind != KIND:
        problem = f"would be replaced but is of the kind {kind!r}"
        raise ArtifactError(str(directory), problem, "Choose another directory, or move it away.")


def _nodes(engine: Engine, stage: DecomposeSpec) -> tuple[LmPlanner, Synthesise]:
    """Return who writes the plans and who carries them out."""
    named = [each for each in engine.nodes if each.name == stage.name]
    planners = [each.planner for each in named if isinstance(each, Decompose)]
    concluding = engine.asking
    if not isinstance(concluding, Synthesise) or not isinstance(planners[0], LmPlanner):
        raise ValueError("the cascade does not carry out a model's plans. This is a bug.")
    return planners[0], concluding


async def _collected(
    engine: Engine, trials: PlanTrials, rows: Sequence[LabelledRecord]
) -> Preferences:
    try:
        await engine.warm_up()
        found = await trials.run(rows)
        usage = sum((model.ledger.total() for model in engine.large_models), Usage())
    finally:
        await engine.close()
    tried = [each for each in found if isinstance(each, Trial)]
    return Preferences(tried, [each for each in found if isinstance(each, HeadgateError)], usage)


def _write(writer: ArtifactWriter, loaded: LoadedCascade, found: Preferences) -> Artifact:
    _write_lines(writer.path("sft.jsonl"), found.examples)
    _write_lines(writer.path("dpo.jsonl"), found.pairs)
    _write_lines(writer.path("plans.jsonl"), found.rows)
    facts: dict[str, JSON] = {"cascade": loaded.name, "revision": loaded.revision, **found.counts}
    return writer.finish(KIND, facts)


def _write_lines(path: Path, rows: Iterable[Mapping[str, JSON]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
