"""Asks the large model about development rows, as the cascade would.

rows, what is shown of each -> the stage that asks -> an answer a row, or none
rows, case store -> past cases, never the row's own
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.cascade.assemble import asking_stage, unit_task_of
from headgate.cascade.lm_spec import LmSpec
from headgate.cascade.load import LoadedCascade
from headgate.cascade.open import open_large_models
from headgate.cascade.spec import RerankSpec, RetrieveSpec, VerifySpec
from headgate.domains.rows import LabelledRecord
from headgate.errors import HeadgateError, InputError
from headgate.fitting.cases import case_id
from headgate.fitting.vectors import KnownVectors, Report
from headgate.retrieval.store import VectorStore
from headgate.stages.contract import Batch, Cell
from headgate.types import Deadline, Judgement

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
    shown: Sequence[Cell],
    environment: Mapping[str, str],
    report: Report,
) -> list[str | None]:
    """Return the large model's answer to each row; None where it gave none.

    Args:
        loaded: The cascade; it has a stage that asks a large model.
        rows: What to ask about. Each may cost.
        shown: What that stage reads, one a row: past cases, or the small model's candidates.
        environment: Where keys and OPENAI_BASE_URL are looked up.
        report: Told of progress.

    Raises:
        InputError: More than a tenth of the rows got no answer.
        LmRefusedError: A key is not where the file says.
    """
    return asyncio.run(_ask_all(loaded, rows, shown, environment, report))


async def _ask_all(
    loaded: LoadedCascade,
    rows: Sequence[LabelledRecord],
    shown: Sequence[Cell],
    environment: Mapping[str, str],
    report: Report,
) -> list[str | None]:
    spec = loaded.spec.deciding
    if not isinstance(spec, VerifySpec | RerankSpec):
        raise ValueError("the cascade has no one stage to ask. This is a bug.")
    model = open_large_models(loaded, environment)[spec.model]
    stage, at_once = asking_stage(loaded, spec, model), _at_once(loaded, spec.model)
    found: list[str | None] = []
    problems: list[HeadgateError] = []
    try:
        for start in range(0, len(rows), at_once):
            places = slice(start, start + at_once)
            columns = dict.fromkeys(stage.inputs, shown[places])
            records = [row.record for row in rows[places]]
            deadline = Deadline.after(CHUNK_TIMEOUT_S)
            cells = await stage.run(Batch(records, deadline, columns))
            found += [cell.answer if isinstance(cell, Judgement) else None for cell in cells]
            problems += [cell for cell in cells if isinstance(cell, HeadgateError)]
            refuse_many(problems, len(rows), f"large model {spec.model!r}")
            report("ask the large model", len(found), len(rows))
    finally:
        await model.close()
    return found


def _at_once(loaded: LoadedCascade, model: str) -> int:
    """Return how many rows share a deadline: a model that takes one at a time needs longer."""
    large = loaded.spec.models[model]
    return large.max_concurrency if isinstance(large, LmSpec) else 1


def past_cases(
    loaded: LoadedCascade, rows: Sequence[LabelledRecord], cases: Cases | None
) -> list[Cell]:
    """Return past cases for each row; its own, with the right label in it, is not among them."""
    searches = [each for each in loaded.spec.unit_flow if isinstance(each, RetrieveSpec)]
    if not searches or cases is None or not len(cases.store):
        return [()] * len(rows)
    texts = [unit_task_of(loaded).query_text(row.record) for row in rows]
    own = [{case_id(text)} for text in texts]
    return list(cases.store.search(cases.encoder.vectors(texts), searches[0].top_k, exclude=own))


def refuse_many(problems: Sequence[HeadgateError], rows: int, place: str) -> None:
    """Refuse as soon as too many rows of all have failed: the others would cost for nothing.

    Args:
        problems: Of the rows that failed.
        rows: All of them.
        place: Who gave no answer.

    Raises:
        InputError: More than a tenth have.
    """
    if len(problems) > MOST_FAILED_SHARE * rows:
        raise InputError(
            place,
            f"it gave no answer to {len(problems)} of {rows} labelled rows "
            f"(the first: {str(problems[0]).rstrip('.')})",
            "A certificate needs its answers: correct that, or fit without `certificate`.",
        )
