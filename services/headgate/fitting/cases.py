"""The case store: development rows that the small model got wrong, with why.

rows, predictions -> the wrong ones -> documents with label and reason -> VectorStore

Source: AdaptiveLog's error-prone cases (arXiv:2501.11031, section 3.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from headgate.domains.rows import LabelledRecord
from headgate.domains.task import Task
from headgate.fitting.vectors import KnownVectors
from headgate.retrieval.store import Document, VectorStore
from headgate.types import Prediction

SOURCE = "fit"
"""Where the cases come from; a store can be rid of them by this name."""


def build_case_store(
    task: Task,
    rows: Sequence[LabelledRecord],
    predictions: Sequence[Prediction],
    encoder: KnownVectors,
) -> VectorStore:
    """Return the store of the rows whose prediction was wrong; it may be empty."""
    wrong = [
        (row, prediction)
        for row, prediction in zip(rows, predictions, strict=True)
        if not row.accepts(prediction.answer)
    ]
    cases = {case.id: case for case in (_case(task, row, found) for row, found in wrong)}
    documents = list(cases.values())
    if not documents:
        return VectorStore.build(
            [], np.empty((0, encoder.dim), np.float32), encoder=encoder.fingerprint
        )
    vectors = encoder.vectors([document.text for document in documents])
    return VectorStore.build(documents, vectors, encoder=encoder.fingerprint)


def _case(task: Task, row: LabelledRecord, found: Prediction) -> Document:
    text = task.query_text(row.record)
    metadata = {"label": _shown(row, row.label), "wrong_answer": _shown(row, found.answer)}
    if row.reason:
        metadata["reason"] = row.reason
    return Document(case_id(text), text, SOURCE, metadata)


def case_id(text: str) -> str:
    """Return the id of the case of a query text: the same one in two fits is one document."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shown(row: LabelledRecord, answer: str) -> str:
    """Return an answer that means something beside another record: candidate texts, not ids."""
    texts = {candidate.id: candidate.text for candidate in row.record.candidates}
    return texts.get(answer, answer)
