"""Large models that run elsewhere in the cluster, as the tier sees them; each call is metered.

Question -> plain values -> Serve handle -> LargeModelReplica -> RawAnswer    (transformers)
Question -> OpenAiEngine -> HTTP proxy   -> Ray Serve LLM     -> RawAnswer    (ray_llm)
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.cascade.load import LoadedCascade
from headgate.errors import UnavailableError
from headgate.lm.local_call import LocalAnswer, LocalCall
from headgate.lm.seam import Engine, Question, RawAnswer, TransientLmError
from headgate.serving.demand import Meter
from headgate.serving.replicas import Replicas
from headgate.types import Deadline

Placed = TransformersSpec | RayLlmSpec
"""A large model with replicas of its own."""


class RemoteLargeModelEngine:
    """Asks the replicas of a large model's application."""

    recorded = False

    def __init__(
        self,
        spec: TransformersSpec,
        key: str,
        meter: Meter,
        find: Callable[[str], Any] | None = None,
    ) -> None:
        """Prepare; the application is looked up at the first call.

        Args:
            spec: The model of the cascade file.
            key: What `large_model_key` returns of it.
            meter: Counts the calls.
            find: Returns the handle of an application; Serve's own function when absent.
        """
        self.name = spec.source
        self._spec = spec
        self._meter = meter
        self._slots = asyncio.Semaphore(spec.max_concurrency)
        self._replicas = Replicas(large_model_app(key), find)

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the model's answer to `question`, unchecked; see `Engine.answer`.

        A call counts from here on, also while it waits for others or for a first replica.
        """
        with self._meter.call():
            async with self._slots:
                answered = await self._asked(question, deadline, fault)
        self._meter.took(answered.seconds)
        return answered.answer

    async def _asked(
        self, question: Question[object], deadline: Deadline, fault: str
    ) -> LocalAnswer:
        call = LocalCall.of(
            question,
            fault,
            most_tokens=self._spec.max_output_tokens,
            seconds_left=deadline.remaining_s(),
            timeout_s=self._spec.timeout_s,
        )
        try:
            # Answering twice costs time and does no harm.
            return LocalAnswer.from_plain(await self._replicas.call("answer", call.plain()))
        except UnavailableError as error:
            raise TransientLmError(error.place, error.problem, error.remedy) from error

    async def close(self) -> None:
        """Let the handle go; the replicas belong to the cluster."""
        await self._replicas.close()


class MeteredEngine:
    """Counts the calls of another engine, and holds it to its limits."""

    recorded = False

    def __init__(self, engine: Engine, spec: RayLlmSpec, meter: Meter) -> None:
        """Stand before `engine`, with the limits of `spec`."""
        self.name = engine.name
        self._engine = engine
        self._timeout_s = spec.timeout_s
        self._meter = meter
        self._slots = asyncio.Semaphore(spec.max_concurrency)

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the other engine's answer; see `Engine.answer`."""
        with self._meter.call():
            async with self._slots:
                started = time.monotonic()
                answer = await self._in_time(question, deadline, fault)
        self._meter.took(time.monotonic() - started)
        return answer

    async def _in_time(
        self, question: Question[object], deadline: Deadline, fault: str
    ) -> RawAnswer:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._engine.answer(question, deadline, fault)
        except TimeoutError:
            raise TransientLmError(
                f"large model {self.name!r}",
                f"one call took longer than {self._timeout_s} s",
                "Raise timeout_s, or use a faster model.",
            ) from None

    async def close(self) -> None:
        """Close the other engine."""
        await self._engine.close()


def placed_models(loaded: LoadedCascade) -> dict[str, Placed]:
    """Return the large models of a cascade that have replicas of their own, by name."""
    return {
        name: spec
        for name, spec in loaded.spec.models.items()
        if isinstance(spec, RayLlmSpec)
        or (isinstance(spec, TransformersSpec) and spec.placement == "deployment")
    }


def large_model_key(loaded: LoadedCascade, name: str) -> str:
    """Return what two cascades must agree on to share the replicas of a large model."""
    spec = placed_models(loaded)[name]
    if isinstance(spec, TransformersSpec):
        parts = repr(("transformers", loaded.sources[name], spec.revision, spec.precision))
    else:
        parts = repr(("ray_llm", spec.model, spec.gpus, spec.accelerator, spec.context_tokens))
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def large_model_app(key: str) -> str:
    """Return the name of the Serve application that runs the weights with transformers."""
    return f"headgate-lm-{key}"


def large_model_arguments(loaded: LoadedCascade, name: str) -> dict[str, Any]:
    """Return what `LargeModelReplica` is made with: nothing but what decides its weights.

    A change of any of it starts the application anew, under another key.
    """
    spec = placed_models(loaded)[name]
    if not isinstance(spec, TransformersSpec):
        raise TypeError(f"{name!r} is not run with transformers. This is a bug.")
    return {
        "source": loaded.sources[name],
        "revision": spec.revision,
        "precision": spec.precision,
    }
