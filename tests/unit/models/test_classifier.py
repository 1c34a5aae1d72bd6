import numpy as np
import pytest

from headgate.models.classifier import Network, PairClassifier, TextClassifier
from headgate.models.tfidf import TfIdf

BUCKETS = 2**16
EQUAL = TfIdf(np.ones(BUCKETS, np.float32), np.ones(BUCKETS, np.float32))
LN_3 = np.log(3)
PAIR = (["disk full"], ["disk"])
"""Shares: cosine 0.71, 1/2 and 1 of the characters; cosine 0.58, 1/3 and 1 of the words."""


def f32(values):
    return np.array(values, np.float32)


def text_classifier(weights, bias):
    """Read only the column of the word `disk`, and what follows it."""
    column = BUCKETS + EQUAL.transform(["disk"])[1].indices
    return TextClassifier(EQUAL, column.astype(np.int32), weights, f32(bias))


def linear(weights, bias):
    return Network(((f32(weights).reshape(-1, 1), f32([bias])),))


def constant(logit, inputs=6):
    return linear([0] * inputs, logit)


def pair_classifier(*networks, mean=(0,) * 6, scale=(1,) * 6):
    return PairClassifier(EQUAL, f32(mean), f32(scale), networks)


def test_a_word_alone_weighs_its_whole_row():
    classifier = text_classifier(f32([[2, -1]]), [0.5, 0])

    assert classifier.logits(["Disk!", "fan"], None) == pytest.approx(f32([[2.5, -1], [0.5, 0]]))


def test_a_word_among_others_weighs_its_part_of_the_row():
    """Two words and their pair are three equal parts of a row of length 1."""
    classifier = text_classifier(f32([[3, 0]]), [0, 0])

    assert classifier.logits(["disk full"], None)[0, 0] == pytest.approx(np.sqrt(3))


def test_the_vector_counts_half():
    classifier = text_classifier(f32([[2, -1], [10, 0], [0, 10]]), [0.5, 0])

    logits = classifier.logits(["disk"], f32([[0.6, 0.8]]))

    assert logits == pytest.approx(f32([[2 + 3 + 0.5, -1 + 4]]))


def test_no_texts_give_no_rows_of_logits():
    assert text_classifier(f32([[2, -1, 0]]), [0, 0, 0]).logits([], None).shape == (0, 3)
    with_vector = text_classifier(f32([[2, -1], [1, 1]]), [0, 0])
    assert with_vector.logits([], np.empty((0, 1), np.float32)).shape == (0, 2)


def order_of_memory():
    return pytest.mark.parametrize("order", ["C", "F"])


@order_of_memory()
def test_a_text_classifier_comes_back_bit_for_bit(order, tmp_path):
    """Also when the weights lie column by column, as a transposed matrix does."""
    rng = np.random.default_rng(7)
    texts, vectors = ["disk full", "fan", ""], f32(rng.normal(size=(3, 4)))
    tfidf = TfIdf.fit(texts, BUCKETS)
    columns = np.arange(0, 2 * BUCKETS, 99, dtype=np.int32)
    weights = np.asarray(f32(rng.normal(size=(len(columns) + 4, 3))), order=order)
    classifier = TextClassifier(tfidf, columns, weights, f32([1, 2, 3]))

    classifier.save(tmp_path / "head.safetensors")
    again = TextClassifier.load(tmp_path / "head.safetensors")

    assert np.array_equal(again.logits(texts, vectors), classifier.logits(texts, vectors))


def test_one_networks_logit_is_the_pairs():
    """The share of words, 1/3, three times, and a bias."""
    classifier = pair_classifier(linear([0, 0, 0, 0, 3, 0], -0.25))

    assert classifier.logits(*PAIR, None) == pytest.approx([0.75])


def test_features_are_standardised_before_the_network():
    """(1/2 - 1/4) / 1/8 = 2."""
    classifier = pair_classifier(
        linear([0, 1, 0, 0, 0, 0], 0), mean=(0, 0.25, 0, 0, 0, 0), scale=(1, 0.125, 1, 1, 1, 1)
    )

    assert classifier.logits(*PAIR, None) == pytest.approx([2])


def test_a_hidden_unit_passes_nothing_negative():
    """The units see 1 and -1 of a full containment; only the first one is heard."""
    hidden = np.zeros((6, 2), np.float32)
    hidden[2] = [1, -1]
    network = Network(((hidden, f32([0, 0])), (f32([[2], [5]]), f32([0.25]))))

    assert pair_classifier(network).logits(*PAIR, None) == pytest.approx([2.25])


def test_vectors_stand_before_the_shares():
    """Product, difference and cosine of two vectors of length 2 are five features."""
    network = linear([0.1, 0, 0, 0, 1, 0, 0, 10, 0, 0, 0], 0)
    classifier = pair_classifier(network, mean=(0,) * 11, scale=(1,) * 11)

    logits = classifier.logits(*PAIR, (f32([[0.6, 0.8]]), f32([[1, 0]])))

    assert logits == pytest.approx([0.06 + 0.6 + 10])


def test_probabilities_of_the_networks_are_averaged_and_not_logits():
    """0.9 and 0.5 make 0.7; the mean of the logits would make 0.75."""
    classifier = pair_classifier(constant(np.log(9)), constant(0))

    assert classifier.logits(*PAIR, None) == pytest.approx([np.log(7 / 3)])


def test_networks_that_contradict_each_other_cancel_out():
    assert pair_classifier(constant(LN_3), constant(-LN_3)).logits(*PAIR, None) == pytest.approx(
        [0], abs=1e-6
    )


@pytest.mark.parametrize("logit", [-1000, 1000])
def test_a_network_beyond_all_doubt_still_gives_a_number(logit):
    (found,) = pair_classifier(constant(logit)).logits(*PAIR, None)

    assert found == pytest.approx(np.sign(logit) * np.log(1e12), abs=1e-3)


def test_no_pairs_give_no_logits():
    none = np.empty((0, 2), np.float32)

    assert pair_classifier(constant(0)).logits([], [], None).shape == (0,)
    with_vectors = pair_classifier(constant(0, 11), mean=(0,) * 11, scale=(1,) * 11)
    assert with_vectors.logits([], [], (none, none)).shape == (0,)


@order_of_memory()
def test_a_pair_classifier_comes_back_bit_for_bit(order, tmp_path):
    """With networks of one and of two layers."""
    rng = np.random.default_rng(7)
    firsts, seconds = ["disk full", "fan stuck", ""], ["disk", "the fan", "fan"]
    hidden = np.asarray(f32(rng.normal(size=(6, 4))), order=order)
    deep = Network(((hidden, f32(rng.normal(size=4))), (f32(rng.normal(size=(4, 1))), f32([1]))))
    classifier = PairClassifier(
        TfIdf.fit(firsts, BUCKETS),
        f32(rng.normal(size=6)),
        f32(rng.uniform(1, 2, size=6)),
        (deep, linear(rng.normal(size=6), 0.5)),
    )

    classifier.save(tmp_path / "head.safetensors")
    again = PairClassifier.load(tmp_path / "head.safetensors")

    assert np.array_equal(
        again.logits(firsts, seconds, None), classifier.logits(firsts, seconds, None)
    )
    assert [len(network.layers) for network in again.networks] == [2, 1]
