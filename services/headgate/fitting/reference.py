"""Asks the large model about development rows, as the cascade would.

rows, case store -> past cases (never the row's own) -> verify stage -> an answer a row, or none
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade
from headgate.cascade.open import open_large_models
from headgate.cascade.spec import LmSpec, RetrieveSpec, VerifySpec
from headgate.domains.log_rows import LabelledRecord
from headgate.errors import HeadgateError, InputError
from headgate.fitting.cases import case_id
from headgate.fitting.vectors import KnownVectors, Report
from headgate.lm.large_model import LargeModel
from headgate.retrieval.store import VectorStore
from headgate.stages.catalog import Verify
from headgate.stages.contract import Batch
from headgate.types import Deadline, Hit, Judgement

CHUNK_TIMEOUT_S = 600.0
"""For as many rows as are asked about at once."""
MOST_FAILED_SHARE = 0.1
"""With more rows without an answer something is wrong with the endpoint or the recording."""


@dataclass(frozen=True, slots=True)
class Cases:
    """What the large model is shown: past cases, and how they are found."""

    store: VectorStore
    encoder: KnownVectors


def ask_reference(
    loaded: LoadedCascade,
    rows: Sequence[LabelledRecord],
    cases: Cases | None,
    environment: Mapping[str, str],
    report: Report,
) -> list[str | None]:
    """Return the large model's answer to each row; None where it gave none.

    Args:
        loaded: The cascade; it has a verify stage.
        rows: What to ask about. Each may cost.
        cases: The case store, when the flow searches one.
        environment: Where keys and OPENAI_BASE_URL are looked up.
        report: Told of progress.

    Raises:
        InputError: More than a tenth of the rows got no answer.
        LmRefusedError: A key is not where the file says.
    """
    return asyncio.run(_ask_all(loaded, rows, cases, environment, report))


async def _ask_all(
    loaded: LoadedCascade,
    rows: Sequence[LabelledRecord],
    cases: Cases | None,
    environment: Mapping[str, str],
    report: Report,
) -> list[str | None]:
    spec = next(stage for stage in loaded.spec.flow if isinstance(stage, VerifySpec))
    model = open_large_models(loaded, environment)[spec.model]
    stage, at_once = _verify(loaded, spec, model), _at_once(loaded, spec)
    found: list[str | None] = []
    problems: list[HeadgateError] = []
    try:
        for start in range(0, len(rows), at_once):
            chunk = rows[start : start + at_once]
            shown = _evidence(loaded, spec, chunk, cases)
            columns = {spec.evidence: shown} if spec.evidence else {}
            records = [row.record for row in chunk]
            deadline = Deadline.after(CHUNK_TIMEOUT_S)
            cells = await stage.run(Batch(records, deadline, columns))
            found += [cell.answer if isinstance(cell, Judgement) else None for cell in cells]
            problems += [cell for cell in cells if isinstance(cell, HeadgateError)]
            _refuse_many(problems, len(rows), spec.model)
            report("ask the large model", len(found), len(rows))
    finally:
        await model.close()
    return found


def _verify(loaded: LoadedCascade, spec: VerifySpec, model: LargeModel) -> Verify:
    return Verify(
        spec.name,
        spec.model,
        task=task_of(loaded),
        large_model=model,
        instruction=loaded.prompts[spec.name],
        evidence=spec.evidence,
    )


def _at_once(loaded: LoadedCascade, spec: VerifySpec) -> int:
    """Return how many rows share a deadline: a model that takes one at a time needs longer."""
    large = loaded.spec.models[spec.model]
    return large.max_concurrency if isinstance(large, LmSpec) else 1


def _evidence(
    loaded: LoadedCascade, spec: VerifySpec, rows: Sequence[LabelledRecord], cases: Cases | None
) -> list[tuple[Hit, ...]]:
    """Return past cases for each row; its own, with the right label in it, is not among them."""
    searches = [s for s in loaded.spec.flow if isinstance(s, RetrieveSpec)]
    search = next((each for each in searches if each.name == spec.evidence), None)
    if search is None or cases is None or not len(cases.store):
        return [()] * len(rows)
    texts = [task_of(loaded).query_text(row.record) for row in rows]
    own = [{case_id(text)} for text in texts]
    return cases.store.search(cases.encoder.vectors(texts), search.top_k, exclude=own)


def _refuse_many(problems: Sequence[HeadgateError], rows: int, model: str) -> None:
    """Refuse as soon as too many rows of all have failed: the others would cost for nothing."""
    if len(problems) > MOST_FAILED_SHARE * rows:
        raise InputError(
            f"large model {model!r}",
            f"it gave no answer to {len(problems)} of {rows} development rows "
            f"(the first: {str(problems[0]).rstrip('.')})",
            "A certificate needs its answers: correct that, or fit without `certificate`.",
        )
