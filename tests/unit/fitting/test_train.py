import numpy as np
import pytest

from headgate.errors import InputError
from headgate.fitting.train import NETWORK_PAIRS, train_pair_classifier, train_text_classifier

BUCKETS = 1024
WORDS = ("disk", "link", "fan", "tunnel", "queue")


def lines(count, words=WORDS, start=0):
    """Return texts that hold one of the words each, in turn, and the word's position."""
    numbers = range(start, start + count)
    texts = [f"{n * 37 % 1009} {words[n % len(words)]} reports {n}" for n in numbers]
    return texts, [n % len(words) for n in numbers]


def text_classifier(texts, answers, labels, vectors=None):
    return train_text_classifier(texts, vectors, answers, labels=labels, buckets=BUCKETS)


def accuracy(logits, answers):
    return float((logits.argmax(axis=1) == np.array(answers)).mean())


def axes(answers, dim=8):
    """Return unit vectors near the axis of each answer, shape (len(answers), dim)."""
    noise = np.random.default_rng(7).normal(scale=0.2, size=(len(answers), dim))
    vectors = np.eye(dim)[answers] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# Single texts


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_words_that_give_the_label_away_are_learnt(labels):
    texts, answers = lines(60, WORDS[:labels])
    classifier = text_classifier(texts, answers, labels)

    unseen, expected = lines(100, WORDS[:labels], start=500)

    assert accuracy(classifier.logits(unseen, None), expected) > 0.95


def test_vectors_are_read_beside_the_words():
    """The texts say nothing, the vectors everything."""
    answers = [n % 3 for n in range(90)]
    texts = ["same line"] * 90

    classifier = text_classifier(texts, answers, 3, axes(answers))

    logits = classifier.logits(["same line"] * 30, axes(answers[:30]))
    assert accuracy(logits, answers[:30]) > 0.95


@pytest.mark.parametrize("seen", [(0, 1), (1, 3), (0, 2, 4), (1, 2, 3)])
def test_labels_without_training_rows_are_possible_and_never_the_answer(seen):
    """Rows of two labels are fitted by another path than those of three."""
    texts, positions = lines(40, [WORDS[each] for each in seen])
    classifier = text_classifier(texts, [seen[each] for each in positions], 5)

    others = [f"{word} {n}" for word in (*WORDS, "something else") for n in range(20)]
    logits = classifier.logits([*texts, *others, "", "!?"], None)

    assert logits.shape == (40 + 120 + 2, 5)
    assert np.isfinite(logits).all()
    assert set(logits.argmax(axis=1)) <= set(seen)


def test_labels_keep_their_places():
    """The first label is the first column although its rows come last."""
    texts, answers = lines(40, WORDS[:2])
    order = np.argsort(answers)[::-1].tolist()

    classifier = text_classifier([texts[n] for n in order], [answers[n] for n in order], 2)

    assert classifier.logits(["disk", "link"], None).argmax(axis=1).tolist() == [0, 1]


def test_only_ngrams_of_training_texts_have_weights():
    texts, answers = lines(40, WORDS[:2])
    classifier = text_classifier(texts, answers, 2, axes(answers))

    assert classifier.weights.shape == (len(classifier.columns) + 8, 2)
    assert (np.diff(classifier.columns) > 0).all()
    assert 0 < len(classifier.columns) < 2 * BUCKETS


def test_a_text_classifier_is_the_same_each_time():
    texts, answers = lines(60)

    first, second = (text_classifier(texts, answers, 5) for _ in range(2))

    assert (first.weights.tobytes(), first.bias.tobytes()) == (
        second.weights.tobytes(),
        second.bias.tobytes(),
    )


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param([1, 1, 1], "3 rows show 1 different answers", id="one-label"),
        pytest.param([], "0 rows show 0 different answers", id="no-rows"),
    ],
)
def test_rows_of_fewer_than_two_labels_teach_nothing(answers, problem):
    with pytest.raises(InputError) as caught:
        text_classifier(["a"] * len(answers), answers, 3)

    assert caught.value.args == (
        "training labels",
        problem,
        "Give rows of at least two answers.",
    )


def test_texts_without_a_letter_or_a_digit_are_refused():
    with pytest.raises(InputError, match="training rows: no text has a letter or a digit"):
        text_classifier(["--", "!!"], [0, 1], 2)


def test_texts_without_letters_can_still_be_told_apart_by_their_vectors():
    classifier = text_classifier(["--", "!!"], [0, 1], 2, np.eye(2, dtype=np.float32))

    logits = classifier.logits(["??", "??"], np.eye(2, dtype=np.float32))

    assert logits.argmax(axis=1).tolist() == [0, 1]


# Pairs


def pairs(count, start=0):
    """Return logs, descriptions and whether both are of one word; half of them are."""
    logs, descriptions, fits = [], [], []
    for n in range(start, start + count):
        word, other = WORDS[n % 5], WORDS[(n + 1 + n % 3) % 5]
        fit = n // 5 % 2 == 0
        logs.append(f"{n * 37 % 1009} {word} reports {n}")
        descriptions.append(f"the {word if fit else other} is meant")
        fits.append(fit)
    return logs, descriptions, fits


def pair_classifier(logs, descriptions, fits, vectors=None, seed=7):
    return train_pair_classifier(logs, descriptions, vectors, fits, buckets=BUCKETS, seed=seed)


def right(classifier, logs, descriptions, fits, vectors=None):
    return float(((classifier.logits(logs, descriptions, vectors) > 0) == np.array(fits)).mean())


@pytest.fixture(scope="module")
def networks():
    """Trained on just enough pairs for networks."""
    return pair_classifier(*pairs(NETWORK_PAIRS))


def test_few_pairs_get_one_linear_layer_that_learns_the_rule():
    classifier = pair_classifier(*pairs(200))

    assert [len(network.layers) for network in classifier.networks] == [1]
    assert right(classifier, *pairs(200, start=5000)) > 0.95


def test_many_pairs_get_networks_that_learn_the_rule(networks):
    assert [len(network.layers) for network in networks.networks] == [2] * 5
    assert right(networks, *pairs(500, start=5000)) > 0.95


def test_one_pair_fewer_is_too_few_for_networks():
    assert len(pair_classifier(*pairs(NETWORK_PAIRS - 1)).networks) == 1


def test_networks_differ_among_each_other(networks):
    first, second = (network.layers[0][0] for network in networks.networks[:2])

    assert not np.array_equal(first, second)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_networks_and_another_gives_others(networks):
    same, other = (pair_classifier(*pairs(NETWORK_PAIRS), seed=seed) for seed in (7, 70))

    tops = [each.networks[0].layers[0][0].tobytes() for each in (networks, same, other)]
    assert tops[0] == tops[1] != tops[2]


@pytest.mark.slow
def test_seeds_in_a_row_share_no_global_state():
    """The global generator of numpy makes no difference and is left as it was."""
    state = np.random.get_state()[1].tolist()

    pair_classifier(*pairs(NETWORK_PAIRS))

    assert np.random.get_state()[1].tolist() == state


def test_vectors_of_pairs_are_compared():
    """The texts say nothing, the vectors everything."""
    words = [n % 4 for n in range(400)]
    others = [word if n // 4 % 2 else (word + 1) % 4 for n, word in enumerate(words)]
    fits = [word == other for word, other in zip(words, others, strict=True)]
    texts, vectors = ["same"] * 400, (axes(words), axes(others))

    classifier = pair_classifier(texts, texts, fits, vectors)

    assert right(classifier, texts, texts, fits, vectors) > 0.95


@pytest.mark.parametrize("rare", [True, False], ids=["one-fits", "one-does-not"])
@pytest.mark.parametrize("count", [1, 19])
def test_a_rare_answer_among_many_pairs_gets_one_linear_layer(rare, count):
    """Networks hold out a tenth of each answer to stop in time; there is none to hold out."""
    logs, descriptions, _ = pairs(NETWORK_PAIRS)
    fits = [(n < count) == rare for n in range(NETWORK_PAIRS)]

    classifier = pair_classifier(logs, descriptions, fits)

    assert len(classifier.networks) == 1
    assert np.isfinite(classifier.logits(logs[:5], descriptions[:5], None)).all()


@pytest.mark.slow
def test_a_feature_that_never_varied_in_training_says_nothing_later():
    """All training pairs look alike; then a pair shares every word."""
    logs, descriptions = ["disk slow"] * NETWORK_PAIRS, ["zzz"] * NETWORK_PAIRS
    fits = [n % 2 == 0 for n in range(NETWORK_PAIRS)]

    classifier = pair_classifier(logs, descriptions, fits)

    alike, unlike = classifier.logits(["disk slow"] * 2, ["disk slow", "zzz"], None)
    assert (len(classifier.networks), alike) == (5, pytest.approx(unlike))


@pytest.mark.parametrize("fits", [[True] * 4, [False] * 4, []], ids=["all", "none", "no-pairs"])
def test_pairs_of_one_answer_teach_nothing(fits):
    with pytest.raises(InputError, match="different answers"):
        pair_classifier(["a"] * len(fits), ["b"] * len(fits), fits)
