import shutil

import numpy as np
import pytest

from headgate.errors import ModelError
from headgate.models.encoder import ReferenceEncoder
from headgate.models.source import resolve_source

pytestmark = pytest.mark.slow

TEXTS = ["disk full", "a much longer line about a fan that is stuck", "", "Ω 日本 😀", "disk full"]


@pytest.fixture(scope="module")
def encoder(tiny):
    return ReferenceEncoder(tiny, 16, "cpu")


def test_vectors_have_length_one(encoder):
    vectors = encoder.encode(TEXTS)

    assert vectors.shape == (5, 32)
    assert encoder.dim == 32
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_vectors_keep_the_order_of_the_texts(encoder):
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])

    assert together == pytest.approx(alone, abs=1e-5)
    assert together[0] == pytest.approx(together[4], abs=1e-5)
    assert together[0] @ together[1] < 0.99


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 32)


def test_what_follows_the_last_token_is_not_read(encoder):
    """16 tokens: 14 words between start and end."""
    cut = encoder.encode(["disk " * 14, "disk " * 14 + "fan " * 5000])

    assert cut[0] == pytest.approx(cut[1], abs=1e-5)
    assert encoder.encode(["disk " * 13 + "fan"])[0] @ cut[0] < 0.9999


def test_a_lone_surrogate_does_not_stop_its_neighbours(encoder):
    broken, whole = encoder.encode(["disk \ud800", "disk full"])

    assert broken == pytest.approx(encoder.encode(["disk ?"])[0], abs=1e-5)
    assert whole == pytest.approx(encoder.encode(["disk full"])[0], abs=1e-5)


def test_the_fingerprint_tells_weights_precision_and_length(encoder, tiny):
    assert encoder.fingerprint == f"{tiny.sha256[:16]}:float32:16"


def test_files_that_make_no_encoder_are_refused(tiny, tmp_path):
    broken = shutil.copytree(tiny.directory, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not tensors")

    with pytest.raises(ModelError, match="sentence-transformers cannot load it"):
        ReferenceEncoder(resolve_source(str(broken)), 16, "cpu")
