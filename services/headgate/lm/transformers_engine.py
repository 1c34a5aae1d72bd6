"""A large model whose weights are loaded in this process.

Question  ->  LocalCall  ->  one worker thread: LocalWeights  ->  RawAnswer
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from headgate.errors import LmRefusedError, ModelError
from headgate.lm.local_call import LocalAnswer, LocalCall
from headgate.lm.local_weights import LocalWeights, Precision, check_directory
from headgate.lm.seam import Question, RawAnswer
from headgate.lm.token_watch import Stop
from headgate.types import Deadline


class LocalModel:
    """Weights with a thread of their own: one call at a time, the others wait in order."""

    def __init__(self, load: Callable[[], LocalWeights]) -> None:
        """Prepare; the weights are loaded before the first answer, or by `load`."""
        self._load = load
        self._weights: LocalWeights | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="large-model")

    def load(self) -> None:
        """Load the weights now, unless they are.

        Raises:
            ModelError: They cannot be loaded.
        """
        self._thread.submit(self._loaded).result()

    async def answer(self, call: LocalCall) -> LocalAnswer:
        """Return what the model answers; see `LocalWeights.answer`.

        A caller that is cancelled ends the work at the next token.

        Raises:
            LmError: There is no answer; subclasses say why.
        """
        stop = Stop(call.seconds_left)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._answer, call, stop)
        finally:
            stop.set()

    def close(self) -> None:
        """Let the thread end; what it is at work on, it ends first."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _answer(self, call: LocalCall, stop: Stop) -> LocalAnswer:
        stop.limit(call.timeout_s)
        try:
            weights = self._loaded()
        except ModelError as error:  # whoever asks a large model expects errors of one
            raise LmRefusedError(error.place, error.problem, error.remedy) from error
        return weights.answer(call, stop)

    def _loaded(self) -> LocalWeights:
        if self._weights is None:
            self._weights = self._load()
        return self._weights


class TransformersEngine:
    """One model in this process, run by the transformers library."""

    recorded = False

    def __init__(
        self,
        name: str,
        source: str,
        *,
        revision: str | None = None,
        precision: Precision = "bfloat16",
        max_tokens: int = 512,
    ) -> None:
        """Prepare; the weights are loaded before the first answer, or by `load`.

        Args:
            name: What ledgers and messages call it.
            source: An absolute directory, or a hub id.
            revision: The commit or tag on the hub.
            precision: The arithmetic of the weights.
            max_tokens: Longest answer, in tokens, about one record; a question about several
                records may be answered at as many times that length.

        Raises:
            ModelError: The directory holds no large model.
        """
        if source.startswith("/"):
            check_directory(source)
        self.name = name
        self._max_tokens = max_tokens
        self._model = LocalModel(lambda: LocalWeights.load(source, revision, precision))

    def load(self) -> None:
        """Load the weights now, unless they are.

        Raises:
            ModelError: They cannot be loaded.
        """
        self._model.load()

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the model's answer to `question`, unchecked; see `Engine.answer`."""
        seconds = deadline.remaining_s()
        call = LocalCall.of(
            question, fault, most_tokens=self._max_tokens, seconds_left=seconds, timeout_s=seconds
        )
        return (await self._model.answer(call)).answer

    async def close(self) -> None:
        """Let its thread end."""
        self._model.close()
