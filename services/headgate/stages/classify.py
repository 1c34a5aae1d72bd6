"""The small model answers.

records (n) -> texts or pairs -> vectors (unique texts, dim) -> logits -> predictions (n)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from headgate.domains.task import TextTask
from headgate.errors import NotFoundError
from headgate.models.classifier import PairClassifier, TextClassifier
from headgate.models.encoder import Vectors
from headgate.models.student import Student
from headgate.stages.contract import Batch, Cell, TextEncoder
from headgate.stages.distinct import encode_distinct
from headgate.stages.isolate import run_isolated
from headgate.stages.microbatch import Batching, MicroBatcher
from headgate.types import Candidate, Prediction, Record

Classifier = TextClassifier | PairClassifier | Student


class Classify:
    """Answers with a fitted classifier, over an encoder's vectors or over n-grams alone."""

    kind = "classify"
    inputs: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        model: str,
        *,
        task: TextTask,
        classifier: Classifier,
        encoder: TextEncoder | None,
        batching: Batching = Batching(),  # noqa: B008 - frozen
    ) -> None:
        """Put the parts together; loads nothing.

        Args:
            name: The stage's name.
            model: The model's name in the cascade.
            task: Says what a record's texts are.
            classifier: A pair classifier for a task of pairs, else a text classifier.
            encoder: None for a classifier over n-grams alone.
            batching: How concurrent calls are gathered.
        """
        self.name, self.model = name, model
        self._task = task
        self._classifier = classifier
        self._encoder = encoder
        self._batcher = MicroBatcher[Record, Cell](self._classify_isolated, batching)

    async def warm_up(self) -> None:
        """Answer once, so that kernels are compiled before a caller waits."""
        text = "link eth0 is down"
        candidates = (Candidate("a", "cable"), Candidate("b", "power"))
        fields = dict.fromkeys(self._task.fields, text)
        await self.classify([Record("warm-up", fields, candidates if self._task.ranks else ())])

    async def run(self, batch: Batch) -> list[Cell]:
        """Return a prediction or an error a record."""
        async with asyncio.timeout(max(batch.deadline.remaining_s(), 0)):
            return await self._batcher.submit(batch.records)

    async def _classify_isolated(self, records: Sequence[Record]) -> list[Cell]:
        cells = await run_isolated(f"stage {self.name!r}", self.classify, records)
        return cast("list[Cell]", cells)

    async def classify(self, records: Sequence[Record]) -> list[Prediction]:
        """Return a prediction a record, in order, without batching with other calls."""
        if isinstance(self._classifier, PairClassifier):
            return await self._classify_pairs(records, self._classifier)
        texts = self._task.texts(records)
        vectors = await self._encode(texts)
        logits = await asyncio.to_thread(self._classifier.logits, texts, vectors)
        return self._task.predictions_from_labels(records, logits)

    async def _classify_pairs(
        self, records: Sequence[Record], classifier: PairClassifier
    ) -> list[Prediction]:
        pairs = self._task.text_pairs(records)
        logits = await self._fit_logits(classifier, pairs.firsts, pairs.seconds)
        return self._task.predictions_from_pairs(records, pairs, logits)

    async def compare(self, firsts: Sequence[str], seconds: Sequence[str]) -> NDArray[np.float32]:
        """Return how well each second text fits its first, shape (len(firsts),).

        By the pair classifier's log-odds; by cosine for a classifier of single texts.

        Raises:
            NotFoundError: There is neither a pair classifier nor an encoder.
        """
        if isinstance(self._classifier, PairClassifier):
            return await self._fit_logits(self._classifier, firsts, seconds)
        vectors = await self._encode([*firsts, *seconds])
        if vectors is None:
            raise NotFoundError(
                f"stage {self.name!r}",
                "it has no encoder to compare texts with",
                "Name a cascade with an encoder.",
            )
        product = vectors[: len(firsts)] * vectors[len(firsts) :]
        return np.asarray(product.sum(axis=1), np.float32)

    async def _fit_logits(
        self, classifier: PairClassifier, firsts: Sequence[str], seconds: Sequence[str]
    ) -> NDArray[np.float32]:
        vectors = await self._encode([*firsts, *seconds])
        halves = None if vectors is None else (vectors[: len(firsts)], vectors[len(firsts) :])
        return await asyncio.to_thread(classifier.logits, firsts, seconds, halves)

    async def _encode(self, texts: Sequence[str]) -> Vectors | None:
        return None if self._encoder is None else await encode_distinct(self._encoder, texts)
