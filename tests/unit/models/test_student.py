import numpy as np
import pytest

from headgate.models.classifier import TextClassifier
from headgate.models.student import SKETCH_DIM, Simulator, Student, sketch
from headgate.models.tfidf import TfIdf

TEXTS = ["The bridge is shut.", "A miracle cures everything!", "", "桥已关闭"]
BUCKETS = 2**10


def student(dim, *, added=0.0, members=1):
    """Return a student whose linear part reads the vector's first place, or nothing."""
    tfidf = TfIdf.fit(TEXTS, BUCKETS)
    weights = np.zeros((dim, 2), np.float32)
    weights[:1, 1] = 2
    linear = TextClassifier(tfidf, np.zeros(0, np.int32), weights, np.zeros(2, np.float32))
    inputs = (dim or SKETCH_DIM) + 1
    simulator = Simulator(
        hidden=np.zeros((inputs, 3), np.float32),
        hidden_bias=np.ones(3, np.float32),
        feature=np.ones((3, 2), np.float32),
        feature_bias=np.zeros(2, np.float32),
        out=np.array([added, 0], np.float32),
    )
    return Student(linear, (simulator,) * members, np.array([0.5, 0.25], np.float32))


def test_the_linear_part_is_scaled_and_what_advice_would_add_is_added():
    """The vector gives 4 * 0.5 * 2 = 4, halved and moved to 2.25; three hidden ones add 0.3."""
    vectors = np.array([[4.0, 0.0]], np.float32)

    assert student(2, added=0.1).logits(["x"], vectors) == pytest.approx(np.array([[0, 2.55]]))


def test_simulators_are_averaged():
    vectors = np.zeros((1, 2), np.float32)

    one, five = (student(2, added=0.1, members=members) for members in (1, 5))

    np.testing.assert_allclose(one.logits(["x"], vectors), five.logits(["x"], vectors), rtol=1e-6)


def test_without_an_encoder_there_are_as_many_logits_as_texts():
    assert student(0).logits(TEXTS, None) == pytest.approx(np.array([[0, 0.25]] * len(TEXTS)))


def test_what_is_saved_says_the_same(tmp_path):
    path = tmp_path / "classify_quick.safetensors"
    made = student(0, added=0.1, members=2)
    made.save(path)

    np.testing.assert_array_equal(Student.load(path).logits(TEXTS, None), made.logits(TEXTS, None))


def test_a_sketch_keeps_what_texts_have_in_common():
    """Two equal texts have equal sketches; of texts without a word nothing is left."""
    tfidf = TfIdf.fit(TEXTS, BUCKETS)

    one, again, other, empty = sketch(tfidf, [TEXTS[0], TEXTS[0], TEXTS[1], ""])

    np.testing.assert_array_equal(one, again)
    assert one @ again > 2 * abs(one @ other)
    assert not empty.any()
