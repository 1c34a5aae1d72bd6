import numpy as np
import pytest

from headgate.errors import ModelError
from headgate.models.source import EncoderSource
from headgate.models.token_encoder import (
    FILES,
    MOST_TOKENS,
    OpenVinoTokenEncoder,
)
from headgate.models.token_export import write_token_encoder

pytestmark = pytest.mark.slow

TEXTS = ["Who built the Harbour Mill?", "", "When?", "mill " * 1_000, "\ud800 京都 \x00"]


@pytest.fixture(scope="module")
def directory(tiny, tmp_path_factory):
    made = tmp_path_factory.mktemp("tokens")
    write_token_encoder(tiny, made)
    return made


@pytest.fixture(scope="module")
def encoder(directory):
    return OpenVinoTokenEncoder(directory)


def test_every_token_has_a_vector_and_a_place(encoder):
    for text, features in zip(TEXTS, encoder.tokens(TEXTS), strict=True):
        assert features.vectors.shape == (len(features.offsets), encoder.dim)
        assert 2 <= len(features.offsets) <= MOST_TOKENS
        assert features.offsets.max() <= len(text)


def test_a_text_is_the_same_beside_others(encoder):
    """Others make the batch wider, and what is padded must not count."""
    together, alone = encoder.tokens(TEXTS)[0], encoder.tokens(TEXTS[:1])[0]

    assert together.vectors == pytest.approx(alone.vectors, abs=1e-4)


def test_vectors_are_those_of_the_layers(tiny, encoder):
    """The tiny encoder has two layers, so all of it counts."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(tiny.directory)(TEXTS[0], return_tensors="pt")
    model = AutoModel.from_pretrained(tiny.directory).eval()
    with torch.inference_mode():
        wanted = model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[0].numpy()

    # Weights are kept as float16.
    assert encoder.tokens(TEXTS[:1])[0].vectors == pytest.approx(wanted, abs=0.05)


def test_no_texts_have_no_features(encoder):
    assert encoder.tokens([]) == []


def test_the_fingerprint_tells_weights_apart(encoder, directory):
    assert encoder.fingerprint == OpenVinoTokenEncoder(directory).fingerprint
    assert encoder.fingerprint.endswith(":tokens:3")


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_refused(name, directory, tmp_path):
    for each in FILES:
        if each != name:
            (tmp_path / each).write_bytes((directory / each).read_bytes())

    with pytest.raises(ModelError, match="token encoder cannot be loaded"):
        OpenVinoTokenEncoder(tmp_path)


def test_what_is_no_encoder_is_not_converted(tmp_path):
    with pytest.raises(ModelError, match="cannot be converted"):
        write_token_encoder(EncoderSource("nothing", tmp_path, "0" * 64), tmp_path)


def test_threads_share_an_encoder(encoder):
    from concurrent.futures import ThreadPoolExecutor

    wanted = encoder.tokens(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: encoder.tokens(TEXTS), range(8)):
            for one, two in zip(found, wanted, strict=True):
                assert np.array_equal(one.vectors, two.vectors)
