import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from headgate.artifact import sha256_of
from headgate.errors import ModelError
from headgate.models.calibration import calibration_texts
from headgate.models.quantized import FILES, SUB_BATCH, QuantizedEncoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder(tiny_int8):
    return QuantizedEncoder(tiny_int8, 64)


@pytest.fixture(scope="module")
def texts():
    """More than two sub-batches, of mixed lengths, the longest first and an empty one last."""
    return [*sorted(calibration_texts(2 * SUB_BATCH + 3), key=len, reverse=True), ""]


def cosines(firsts, seconds):
    return (firsts * seconds).sum(axis=1)


def test_vectors_have_length_one(encoder, texts):
    vectors = encoder.encode(texts)

    assert vectors.shape == (len(texts), 32)
    assert encoder.dim == 32
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)


def test_a_text_has_its_vector_alone_and_in_a_batch_of_mixed_lengths(encoder, texts):
    alone = np.vstack([encoder.encode([text]) for text in texts])

    assert cosines(encoder.encode(texts), alone).min() > 0.999


def test_vectors_keep_the_order_of_the_texts(encoder, texts):
    """Each text is nearest to itself in the batch turned round."""
    turned = encoder.encode(texts[::-1])[::-1]
    nearest = (encoder.encode(texts) @ turned.T).argmax(axis=1)

    assert [texts[index] for index in nearest] == texts


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 32)


def test_what_follows_the_last_token_is_not_read(encoder):
    cut = encoder.encode(["disk " * 62, "disk " * 62 + "fan " * 5000])

    assert cosines(cut[:1], cut[1:]) == pytest.approx(1, abs=1e-5)


def test_a_lone_surrogate_does_not_stop_its_neighbours(encoder):
    broken = encoder.encode(["disk \ud800", "disk full"])

    assert cosines(broken, encoder.encode(["disk ?", "disk full"])).min() > 0.9999


def test_threads_get_the_vectors_they_would_get_in_turn(encoder, texts):
    batches = [texts[start::8] for start in range(8)] * 4
    in_turn = [encoder.encode(batch) for batch in batches]

    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(encoder.encode, batches))

    for one, other in zip(in_turn, at_once, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_the_fingerprint_tells_weights_precision_and_length(encoder, tiny_int8):
    assert encoder.fingerprint == f"{sha256_of(tiny_int8 / 'model.bin')[:16]}:int8:64"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(name, tiny_int8, tmp_path):
    directory = shutil.copytree(tiny_int8, tmp_path / "int8")
    (directory / name).unlink()

    with pytest.raises(ModelError, match="the int8 encoder cannot be loaded"):
        QuantizedEncoder(directory, 64)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_refused(name, tiny_int8, tmp_path):
    directory = shutil.copytree(tiny_int8, tmp_path / "int8")
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: len(content) // 2])

    with pytest.raises(ModelError, match="the int8 encoder cannot be loaded"):
        QuantizedEncoder(directory, 64)


GONE = """
import os, signal, sys
from pathlib import Path
from headgate.models.quantized import QuantizedEncoder

first, second = (QuantizedEncoder(Path(sys.argv[1]), 64) for _ in range(2))
del first, second
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
os.kill(os.getpid(), signal.SIGTERM)
print(len(heard))
"""


def test_a_process_hears_signals_after_its_encoders_are_gone(tiny_int8):
    """The runtime takes the stack of signal handlers along when it goes."""
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", GONE, str(tiny_int8)],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )

    assert found.stdout.split() == ["1"]
