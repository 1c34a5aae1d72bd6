"""An encoder that is worked out by hand, as a fit asks one, and cascades of made-up levels."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes.made_up_logs import GATED, make_cascade
from fakes.tiny_models import DIM, vector_of


@dataclass
class WordEncoder:
    """Puts a text on the axis of its first word, and remembers what it was asked."""

    fingerprint: str = "words-1"
    dim: int = DIM
    calls: list[list[str]] = field(default_factory=list)

    def encode(self, texts):
        """Return unit vectors, shape (len(texts), 8)."""
        self.calls.append(list(texts))
        return np.stack([vector_of(text) for text in texts])


@pytest.fixture
def words():
    return WordEncoder()


@pytest.fixture
def cascade(tmp_path):
    """Return a cascade of levels with a deferral, of one small model unless told otherwise."""

    def made(deferral, parts=GATED):
        return make_cascade(tmp_path, "level", **parts, deferral=deferral)

    return made
