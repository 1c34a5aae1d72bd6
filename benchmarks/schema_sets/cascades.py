"""Cascades that match columns, each fitted on all tables but the one that is reported.

SchemaSet, Mode, Study  ->  cascade file, rows of the others  ->  fit  ->  engine  ->  Matched

What is not in the rows of the other tables is not known to a fit: of the reported table neither
matches nor recorded answers are looked at before the engine runs. All is done as `headgate fit`
and a server do it, but for the tuning of the encoder: that needs the target alone, so all fits
share one.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.cascade.assemble import task_of
from headgate.cascade.engine import Engine
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.cascade.open import open_engine
from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.augment import NO_WORDINGS, read_wordings
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord
from headgate.domains.tasks import read_labels
from headgate.fitting.contrastive import Tuning, tune_encoder
from headgate.fitting.fit import Rows, fit_cascade
from headgate.models.source import EMBEDDED, resolve_source
from headgate.types import Deadline, Result
from schema_sets.figures import Matched
from schema_sets.gdc import WORDINGS, Say, SchemaSet, Study, labelled_row, write_lines
from schema_sets.shown import shown_only

SEED = 7
RUNS = 3
TIMEOUT_S = 600.0
SHARE = 0.5

CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: schema_quality}}
spec:
  domain: schemas
  task: {{operation: match_columns}}
  artifact: ./artifacts/{name}
  models:
    slm: {{kind: encoder, source: {encoder}}}
    {large_model}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {{name: candidates, kind: retrieve, index: target, model: slm, top_k: 20}}
        {gate}
        {rerank}
    - {{name: match, kind: assign, of: columns}}
  {deferral}
"""
TUNED = "./tuned"
LARGE_MODEL = "llm: {kind: lm, engine: replay, recordings: recordings.jsonl}"
GATE = "- {name: keep, kind: gate, of: candidates}"
RERANK = "- {name: judge, kind: rerank, model: llm, prompt: judge.md, of: candidates}"
DEFERRAL = "deferral: {{budget: {{llm_share: {}}}}}"
PROMPT = "Score how well each candidate fits the source column.\n"


@dataclass(frozen=True, slots=True)
class Mode:
    """One kind of cascade."""

    name: str
    learns: bool = True
    """Whether it is fitted on the matches of the other tables."""
    tuned: bool = True
    """Whether its encoder is trained on the target's columns, for which nobody labels anything."""
    llm_share: float | None = None
    """Share of the columns that the gate is to send to the large model; None without one."""


MODES = (
    Mode("zero_shot", learns=False, tuned=False),
    Mode("fine_tuned"),
    Mode("llm", llm_share=1.0),
    Mode("cascade", llm_share=SHARE),
)


def tune(tables: SchemaSet, work: Path, say: Say) -> None:
    """Tune the encoder to the target and write it below `work`.

    Raises:
        HeadgateError: It cannot be tuned, such as to a target of few columns.
    """
    started = time.perf_counter()
    path = tables.wordings
    wordings = read_wordings(path.read_bytes(), tables.target, path.name) if path else NO_WORDINGS
    if path is None:
        say(f"no {WORDINGS}, without which no encoder is tuned")
    tuned = tune_encoder(
        resolve_source(EMBEDDED), tables.target, work / TUNED, tuning=Tuning(wordings, SEED)
    )
    say(f"encoder tuned in {time.perf_counter() - started:.0f} s: {json.dumps(tuned.metrics)}")


def cascade_matches(
    mode: Mode, study: Study, tables: SchemaSet, work: Path, say: Say
) -> Matched | None:
    """Return what a cascade makes of a table that it was not fitted on.

    Args:
        mode: The kind of cascade.
        study: The table.
        tables: All tables; the others are learned from.
        work: The folder of `write_inputs` and `tune`.
        say: Told what the large model did not answer.

    Raises:
        HeadgateError: The cascade cannot be fitted or opened, such as for want of labels.
    """
    if mode.llm_share is not None and not study.answers:
        say(f"{study.name}: {mode.name} needs recorded answers, and there are none")
        return None
    loaded = _written(mode, study, tables, work)
    fit_cascade(loaded, _rows(mode, study, tables, loaded))
    engine = open_engine(loaded, {}, around=shown_only)
    result, seconds = asyncio.run(_timed(engine, tables.record(study)))
    if result.error is not None:
        raise result.error
    troubles = Counter(filter(None, map(_trouble, result.parts)))
    if troubles:
        say(f"{study.name}: {mode.name}: columns not answered as wanted: {dict(troubles)}")
    return _matched(study, result, seconds)


def _written(mode: Mode, study: Study, tables: SchemaSet, work: Path) -> LoadedCascade:
    """Return the cascade, written as a user would write it."""
    name = f"{mode.name}_{tables.studies.index(study)}"
    asks = mode.llm_share is not None
    text = CASCADE.format(
        name=name,
        encoder=TUNED if mode.tuned else EMBEDDED,
        large_model=LARGE_MODEL if asks else "",
        gate=GATE if asks else "",
        rerank=RERANK if asks else "",
        deferral=DEFERRAL.format(mode.llm_share) if asks else "",
    )
    (work / "judge.md").write_text(PROMPT)
    path = work / f"{name}.yaml"
    path.write_text(text)
    return load_cascade(path)


def _rows(mode: Mode, study: Study, tables: SchemaSet, loaded: LoadedCascade) -> Rows:
    """Return what the fit learns from; the weights of the similarities want fewer rows than a gate.

    Whole tables at a time, by how many columns they have: every second one is for weights, the
    others, the largest among them, for the threshold. Without a gate nothing is learned from
    development rows, so a mode that does not learn gets all rows as such.
    """
    labelled = _labelled(tables.without(study), loaded)
    if not mode.learns:
        return Rows((), labelled)
    sizes = Counter(row.group for row in labelled)
    ordered = [group for group, _ in sizes.most_common()]
    weights = set(ordered[1::2])
    train = [row for row in labelled if row.group in weights]
    return Rows(train, [row for row in labelled if row.group not in weights])


def _labelled(studies: Sequence[Study], loaded: LoadedCascade) -> list[LabelledRecord]:
    if not studies:
        return []
    path = loaded.base_dir / "labels.jsonl"
    write_lines(path, map(labelled_row, studies))
    return read_labels(path, task_of(loaded))


async def _timed(engine: Engine, record: TableRecord) -> tuple[Result, float]:
    """Return the result, and the median seconds of more runs, for which the target is known."""
    (result,) = await engine.run([record], Deadline.after(TIMEOUT_S))
    taken_s = []
    for _ in range(RUNS):
        started = time.perf_counter()
        await engine.run([record], Deadline.after(TIMEOUT_S))
        taken_s.append(time.perf_counter() - started)
    return result, statistics.median(taken_s)


def _trouble(part: Result) -> str:
    return part.degraded or ("" if part.error is None else part.error.reason)


def _matched(study: Study, result: Result, seconds: float) -> Matched:
    asked = [any(step.kind == "rerank" for step in part.path) for part in result.parts]
    return Matched(
        rankings=dict(zip(study.source.ids, map(_ranking, result.parts), strict=True)),
        pairs=dict(_pairs(study, result)),
        seconds=seconds,
        llm_share=sum(asked) / len(asked),
        llm_calls=result.usage.calls,
    )


def _ranking(part: Result) -> list[tuple[str, float]]:
    return [(target, score) for target, score in part.ranking if target != NO_MATCH]


def _pairs(study: Study, result: Result) -> Iterator[tuple[str, str]]:
    for own, part in zip(study.source.ids, result.parts, strict=True):
        if part.error is None and part.answer != NO_MATCH:
            yield own, part.answer
