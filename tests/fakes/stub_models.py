"""Models that take a fixed time and no processor, where the real ones would stand.

texts -> a while -> vectors that were computed before;  a call -> a while -> the first label

They are Serve's own deployments, so that placing, scaling and dying are real.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ENCODER_S = "STUB_ENCODER_S"
"""Environment variable: seconds of one text; a batch takes as many times that."""
LARGE_MODEL_S = "STUB_LARGE_MODEL_S"
"""Environment variable: seconds of one call."""
VECTORS = "STUB_VECTORS"
"""Environment variable: an npz file of `texts` and their `vectors`."""
ANOTHER = " #"
"""What follows in a text makes it another one, with the same vector."""
STUBBED = {
    "headgate.serving.builders:encoder": "fakes.stub_models:encoder",
    "headgate.serving.builders:large_model": "fakes.stub_models:large_model",
}


class StubEncoder:
    """Looks vectors up, one batch at a time."""

    def __init__(self, **arguments: Any) -> None:
        del arguments
        with np.load(os.environ[VECTORS]) as known:
            pairs = zip(known["texts"].tolist(), known["vectors"], strict=True)
            self._known: dict[str, np.ndarray] = dict(pairs)
        self._turn = asyncio.Lock()

    async def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of texts, float32, shape (len(texts), dim)."""
        async with self._turn:
            await asyncio.sleep(float(os.environ[ENCODER_S]) * len(texts))
        other = next(iter(self._known.values()))  # of a text to warm up with
        lines = [text.partition(ANOTHER)[0] for text in texts]
        return np.stack([self._known.get(line, other) for line in lines]).astype(np.float32)


class StubLargeModel:
    """Answers with the first label, one call at a time."""

    def __init__(self, **arguments: Any) -> None:
        del arguments
        self._turn = asyncio.Lock()

    async def answer(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `LocalAnswer.plain` makes of an answer."""
        seconds = float(os.environ[LARGE_MODEL_S])
        async with self._turn:
            await asyncio.sleep(seconds)
        return {
            "text": json.dumps({"label": _first_label(call["response_format"])}),
            "input_tokens": 10,
            "output_tokens": 5,
            "fault": None,
            "log_prob": None,
            "seconds": seconds,
        }


def encoder(args: Mapping[str, Any]) -> Any:
    """Return the application of a stub in an encoder's place."""
    return _bound(StubEncoder, "Encoder", args)


def large_model(args: Mapping[str, Any]) -> Any:
    """Return the application of a stub in a large model's place."""
    return _bound(StubLargeModel, "LargeModel", args)


def stubbed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with stubs in the place of its models."""
    applications = [
        {**each, "import_path": STUBBED.get(each["import_path"], each["import_path"])}
        for each in body["applications"]
    ]
    return {**body, "applications": applications}


def save_vectors(path: Path, texts: Sequence[str], vectors: np.ndarray) -> None:
    """Write what the stub of an encoder looks up."""
    np.savez(path, texts=np.array(texts), vectors=vectors)


def _bound(kind: type, name: str, args: Mapping[str, Any]) -> Any:
    from ray import serve

    from headgate.serving.spreading import spreading

    return serve.deployment(kind, name=name, request_router_config=spreading()).bind(**args)


def _first_label(response_format: Mapping[str, Any]) -> str:
    """Return the first of the labels that a response schema allows."""
    label: str = _found(response_format, "enum")[0]
    return label


def _found(value: Any, key: str) -> Any:
    """Return what stands under a key, however deep."""
    if isinstance(value, Mapping):
        if key in value:
            return value[key]
        children = [_found(each, key) for each in value.values()]
        return next((each for each in children if each is not None), None)
    return None
