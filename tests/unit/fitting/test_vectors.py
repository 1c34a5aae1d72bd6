import numpy as np
import pytest

from fakes.tiny_models import DIM, vector_of
from headgate.fitting.vectors import KnownVectors


@pytest.fixture
def told():
    return []


@pytest.fixture
def known(words, told):
    return KnownVectors(words, lambda *step: told.append(step))


def test_vectors_come_in_the_order_of_the_texts(known):
    texts = ["net is down", "disk", "net is down"]

    assert np.array_equal(known.vectors(texts), np.stack([vector_of(text) for text in texts]))


def test_a_text_is_embedded_once_however_often_it_is_asked_for(known, words):
    known.vectors(["disk", "net", "disk"])
    known.vectors(["net", "likely"])

    assert words.calls == [["net", "disk"], ["likely"]]


def test_texts_of_like_length_are_embedded_together(known, words):
    known.learn([f"disk {'x' * (n * 7 % 300)}" for n in range(300)])

    sizes = [len(text) for call in words.calls for text in call]
    assert ([len(call) for call in words.calls], sizes) == ([256, 44], sorted(sizes))


def test_progress_ends_at_the_number_of_new_texts(known, told):
    known.learn(f"disk {n}" for n in range(600))
    known.learn(["disk 0", "disk 599"])

    assert told == [
        ("embed texts", 256, 600),
        ("embed texts", 512, 600),
        ("embed texts", 600, 600),
    ]


def test_no_texts_have_no_vectors_of_the_right_width(known, words):
    assert known.vectors([]).shape == (0, DIM)
    assert words.calls == []


async def test_a_stage_gets_the_same_vectors(known, words):
    first = known.vectors(["disk"])

    assert np.array_equal(await known.encode(["disk"]), first)
    assert (len(words.calls), known.fingerprint, known.dim) == (1, "words-1", DIM)
