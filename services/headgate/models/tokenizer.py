"""Texts to padded token ids.

texts (n)  ->  ids (n, longest), mask (n, longest), both int64
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Tokens = list[int]


class BatchTokenizer:
    """A tokenizer whose file may carry its own truncation and padding, which are replaced."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(max_tokens)
        # The embedded file pads everything to 128; padding to the batch's longest is 4x faster.
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the token ids of each text, special tokens included."""
        return [each.ids for each in self._tokenizer.encode_batch(encodable(texts))]


def encodable(texts: Sequence[str]) -> list[str]:
    """Return the texts with `?` for each lone surrogate.

    JSON can carry one and UTF-8 cannot; a tokenizer refuses the whole batch because of it.
    """
    return [text.encode(errors="replace").decode() for text in texts]


def pad(tokens: Sequence[Tokens], multiple: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pad to the longest text, rounded up to a multiple.

    Args:
        tokens: One list of ids a text; at least one text.
        multiple: Widths are rounded up to it: fewer distinct shapes, fewer compiled kernels.

    Returns:
        Ids and mask, both of shape (texts, width); the mask is 1 where there is a token.
    """
    width = -(-max(len(each) for each in tokens) // multiple) * multiple
    ids = np.zeros((len(tokens), width), np.int64)
    mask = np.zeros((len(tokens), width), np.int64)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return ids, mask
