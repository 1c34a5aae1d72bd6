import numpy as np
import pytest

from headgate.retrieval.store import Document, VectorStore


@pytest.fixture
def compass():
    """Four documents in the plane, at 0, 90, 180 and 53.13 degrees."""
    documents = [
        Document("east", "the sun rises", "almanac", {"label": "match"}),
        Document("north", "it is cold", "almanac"),
        Document("west", "the sun sets", "diary"),
        Document("between", "a 3-4-5 triangle", "diary"),
    ]
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
    return VectorStore.build(documents, vectors, encoder="plane-1")
