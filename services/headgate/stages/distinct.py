"""Embeds equal texts once.

texts (n) -> distinct texts -> encoder -> vectors (distinct, dim) -> vectors (n, dim)
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.models.encoder import Vectors
from headgate.stages.contract import TextEncoder


async def encode_distinct(encoder: TextEncoder, texts: Sequence[str]) -> Vectors:
    """Return the vector of each text, shape (len(texts), dim), in order.

    Raises:
        ValueError: The encoder did not return one vector a text.
    """
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    vectors = await encoder.encode(list(places))
    if len(vectors) != len(places):
        raise ValueError(f"{len(vectors)} vectors for {len(places)} texts")
    return vectors[[places[text] for text in texts]]
