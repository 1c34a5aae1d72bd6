"""The fast CPU path: an int8 encoder on OpenVINO, tokenised and batched here.

texts (n)  ->  sorted by length, cut into sub-batches, one a core at a time
           ->  vectors (n, dim) float32
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from headgate.artifact import sha256_of
from headgate.errors import ModelError
from headgate.models.encoder import Vectors
from headgate.models.openvino_runtime import compile_model
from headgate.models.tokenizer import BatchTokenizer, Tokens, pad

MODEL_FILE = "model.xml"
WEIGHTS_FILE = "model.bin"
TOKENIZER_FILE = "tokenizer.json"
FILES = (MODEL_FILE, WEIGHTS_FILE, TOKENIZER_FILE)

SUB_BATCH = 16
"""Most texts an inference call; larger ones pad more than they save."""
WIDTH_MULTIPLE = 16
"""Widths are rounded up to it: OpenVINO compiles kernels for each new shape."""


class QuantizedEncoder:
    """An int8 encoder read from a directory of `FILES`."""

    def __init__(self, directory: Path, max_tokens: int) -> None:
        """Compile the model for this CPU; takes about a second.

        Args:
            directory: Holds the files that `quantize.write_int8` wrote.
            max_tokens: Longer texts are cut.

        Raises:
            ModelError: The files are not there or do not make an encoder.
        """
        try:
            self._load(directory, max_tokens)
        except Exception as error:
            raise ModelError(
                str(directory),
                f"the int8 encoder cannot be loaded ({type(error).__name__})",
                "Fit the cascade again.",
            ) from error

    def _load(self, directory: Path, max_tokens: int) -> None:
        # A sub-batch a core answers a third more texts a second than all cores on one sub-batch:
        # nobody waits for the others after each layer.
        hints = {"PERFORMANCE_HINT": "THROUGHPUT"}
        self._compiled = compile_model(directory / MODEL_FILE, hints)
        self._streams = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self._streams):
            self._idle.put(self._compiled.create_infer_request())
        self._tokenizer = BatchTokenizer(directory / TOKENIZER_FILE, max_tokens)
        self._dim = int(self._compiled.output(0).get_partial_shape()[1].get_length())
        weights = sha256_of(directory / WEIGHTS_FILE)
        self._fingerprint = f"{weights[:16]}:int8:{max_tokens}"

    @property
    def fingerprint(self) -> str:
        """Return weights and precision."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Return the length of a vector."""
        return self._dim

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim)."""
        vectors = np.empty((len(texts), self._dim), np.float32)
        if not texts:
            return vectors
        tokens = self._tokenizer.encode(texts)
        running: deque[_Running] = deque()
        try:
            for rows in self._sub_batches(tokens):
                request = self._borrow(running, vectors)
                running.append(_Running(request, rows))
                ids, mask = pad([tokens[row] for row in rows], WIDTH_MULTIPLE)
                request.start_async({"input_ids": ids, "attention_mask": mask})
            while running:
                self._idle.put(_finish(running, vectors))
        finally:
            for left in running:
                left.request.cancel()
                self._idle.put(left.request)
        return vectors

    def _sub_batches(self, tokens: Sequence[Tokens]) -> list[list[int]]:
        """Return the rows of each inference call.

        Neighbours in length share a call, so that little of it is padding; a small batch is cut
        so that every core has a part.
        """
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        size = max(1, min(SUB_BATCH, -(-len(order) // self._streams)))
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _borrow(self, running: deque[_Running], vectors: Vectors) -> Any:  # noqa: ANN401 - untyped
        """Return an idle request; when there is none, the oldest of our own once it is done.

        Only a caller that holds none waits for others: two that held some would wait for ever.
        """
        if not running:
            return self._idle.get()
        try:
            return self._idle.get_nowait()
        except Empty:
            return _finish(running, vectors)


@dataclass(frozen=True, slots=True)
class _Running:
    """An inference call at work, and the rows it is for."""

    request: Any
    rows: list[int]


def _finish(running: deque[_Running], vectors: Vectors) -> Any:  # noqa: ANN401 - untyped
    """Wait for the oldest call, take its vectors, and return its request for the next."""
    oldest = running[0]
    oldest.request.wait()
    vectors[oldest.rows] = oldest.request.get_output_tensor().data
    running.popleft()
    return oldest.request
