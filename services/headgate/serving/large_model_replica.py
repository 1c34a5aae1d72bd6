"""A large model's weights in a process of their own, on the CPUs or the GPU they asked for.

plain values of a call -> worker thread: weights -> plain values of an answer
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.lm.local_call import LocalCall
from headgate.lm.local_weights import LocalWeights, Precision
from headgate.lm.transformers_engine import LocalModel


class LargeModelReplica:
    """Loads the weights and answers calls with them, one at a time."""

    def __init__(self, source: str, revision: str | None, precision: Precision) -> None:
        """Load the weights.

        Args:
            source: An absolute directory that every node has, or a hub id.
            revision: The commit or tag on the hub.
            precision: The arithmetic of the weights.

        Raises:
            ModelError: They cannot be loaded.
        """
        self._model = LocalModel(lambda: LocalWeights.load(source, revision, precision))
        self._model.load()

    async def answer(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the model answers, and the seconds it took, as plain values.

        Args:
            call: What `LocalCall.plain` returns.

        Raises:
            LmError: There is no answer; subclasses say why.
        """
        return (await self._model.answer(LocalCall.from_plain(call))).plain()
