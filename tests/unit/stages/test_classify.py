import asyncio
import math
import time

import numpy as np
import pytest

from fakes.tiny_models import (
    LEVEL,
    MATCH,
    RANK,
    TinyEncoder,
    caused,
    described,
    log,
    ngram_classifier,
    pair_classifier,
    text_classifier,
)
from headgate.errors import NotFoundError, StageError
from headgate.models.classifier import Network, PairClassifier
from headgate.stages.classify import Classify
from headgate.stages.contract import Batch
from headgate.stages.microbatch import Batching
from headgate.types import Deadline, Prediction

AT_ONCE = Batching(max_size=64, max_wait_ms=0)


def stage_of(task=LEVEL, classifier=None, encoder=None, batching=AT_ONCE):
    return Classify(
        "triage",
        "slm",
        task=task,
        classifier=classifier or text_classifier(),
        encoder=encoder,
        batching=batching,
    )


def batch_of(*records, seconds=5.0):
    return Batch(records, Deadline.after(seconds), {})


def near(*probabilities):
    return pytest.approx(probabilities, abs=1e-6)


async def test_texts_get_the_probability_of_each_label():
    stage = stage_of(encoder=TinyEncoder())

    cells = await stage.run(batch_of(log("disk full"), log("net down"), log("unsure")))

    assert [cell.options for cell in cells] == [("disk", "net")] * 3
    assert [cell.probabilities for cell in cells] == [
        near(0.9, 0.1),
        near(0.1, 0.9),
        near(0.5, 0.5),
    ]


async def test_a_classifier_over_n_grams_needs_no_encoder():
    """One word of three weighs 1/sqrt(3), so its log-odds are 20 / sqrt(3) = 11.547."""
    stage = stage_of(classifier=ngram_classifier())

    cells = await stage.run(batch_of(log("disk 7"), log("fan 7")))

    assert cells[0].probabilities[1] == pytest.approx(9.66e-6, rel=1e-2)
    assert cells[1].probabilities == near(0.5, 0.5)


async def test_a_pair_gets_the_probability_that_it_fits():
    stage = stage_of(MATCH, pair_classifier(), TinyEncoder())

    cells = await stage.run(
        batch_of(described("disk 7 gone", "disk lost"), described("disk 7 gone", "net lost"))
    )

    assert [cell.options for cell in cells] == [("mismatch", "match")] * 2
    assert [cell.probabilities for cell in cells] == [near(0.1, 0.9), near(0.9, 0.1)]


async def test_causes_of_a_record_share_its_probability():
    """Odds of 9 for the one that fits and of 1/9 for each other: 81, 1 and 1 parts."""
    stage = stage_of(RANK, pair_classifier(), TinyEncoder())

    cells = await stage.run(
        batch_of(
            caused("disk slow", "net flood", "disk worn", "likely heat"),
            caused("net slow", "net loop", "disk full"),
        )
    )

    assert [cell.options for cell in cells] == [("c0", "c1", "c2"), ("c0", "c1")]
    assert cells[0].probabilities == near(1 / 83, 81 / 83, 1 / 83)
    assert cells[1].probabilities == near(81 / 82, 1 / 82)


async def test_equal_texts_are_encoded_once_across_calls():
    encoder = TinyEncoder()
    stage = stage_of(MATCH, pair_classifier(), encoder, Batching(max_size=3, max_wait_ms=60_000))
    first, second = described("disk 7", "net 1"), described("disk 7", "disk 7")

    cells = await asyncio.gather(stage.run(batch_of(first, second)), stage.run(batch_of(first)))

    assert encoder.calls == [["disk 7", "net 1"]]
    assert [cell.answer for part in cells for cell in part] == ["mismatch", "match", "mismatch"]


async def test_one_text_that_breaks_the_encoder_breaks_no_other_and_is_never_shown():
    stage = stage_of(encoder=TinyEncoder())
    records = [log(f"disk {number}") for number in range(64)]
    records[40] = log("poison 4711-secret")

    cells = await stage.run(batch_of(*records))

    error = cells.pop(40)
    assert isinstance(error, StageError)
    assert "4711" not in str(error)
    assert all(isinstance(cell, Prediction) and cell.answer == "disk" for cell in cells)


async def test_an_encoder_that_returns_the_wrong_number_of_vectors_is_never_believed():
    class Repeating(TinyEncoder):
        async def encode(self, texts):
            vectors = await super().encode(texts)
            return vectors.repeat(2, axis=0)

    cells = await stage_of(encoder=Repeating()).run(batch_of(log("disk 1"), log("net 2")))

    assert [type(cell) for cell in cells] == [StageError, StageError]


async def test_a_deadline_ends_the_wait_and_frees_the_model():
    encoder = TinyEncoder(may_answer=asyncio.Event())
    stage = stage_of(encoder=encoder)

    with pytest.raises(TimeoutError):
        await stage.run(batch_of(log("disk"), seconds=0.02))

    encoder.may_answer.set()
    assert [cell.answer for cell in await stage.run(batch_of(log("net")))] == ["net"]


async def test_a_deadline_that_has_passed_ends_the_call_at_once():
    stage = stage_of(encoder=TinyEncoder(may_answer=asyncio.Event()))

    with pytest.raises(TimeoutError):
        await stage.run(Batch([log("disk")], Deadline(time.monotonic() - 1), {}))


@pytest.mark.parametrize(
    ("task", "classifier"),
    [
        pytest.param(LEVEL, text_classifier, id="texts"),
        pytest.param(MATCH, pair_classifier, id="pairs"),
        pytest.param(RANK, pair_classifier, id="candidates"),
    ],
)
async def test_warming_up_goes_through_the_encoder(task, classifier):
    encoder = TinyEncoder()

    await stage_of(task, classifier(), encoder).warm_up()

    assert len(encoder.calls) == 1


async def test_pairs_are_compared_by_the_log_odds_of_a_pair_classifier():
    stage = stage_of(MATCH, pair_classifier(), TinyEncoder())

    scores = await stage.compare(["disk 1", "disk 1"], ["disk 2", "net 2"])

    assert scores == pytest.approx([math.log(9), -math.log(9)])


async def test_pairs_are_compared_by_their_words_where_there_is_no_encoder():
    """All six overlaps of a text with itself are 1, and here they are added up."""
    network = Network(((np.ones((6, 1), np.float32), np.zeros(1, np.float32)),))
    zero, one = np.zeros(6, np.float32), np.ones(6, np.float32)
    classifier = PairClassifier(pair_classifier().tfidf, zero, one, (network,))

    scores = await stage_of(MATCH, classifier).compare(["disk full"], ["disk full"])

    assert scores == pytest.approx([6.0], abs=1e-4)


async def test_pairs_are_compared_by_cosine_where_texts_are_classified_singly():
    scores = await stage_of(encoder=TinyEncoder()).compare(["disk 1", "net"], ["disk 2", "disk"])

    assert scores == pytest.approx([1, 0])


async def test_n_grams_of_single_texts_compare_nothing():
    with pytest.raises(NotFoundError, match="stage 'triage': it has no encoder"):
        await stage_of(classifier=ngram_classifier()).compare(["disk"], ["net"])
