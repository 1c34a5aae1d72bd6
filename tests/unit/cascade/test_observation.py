import math
from dataclasses import replace

import pytest

from fakes.tiny_models import LEVEL, log
from headgate.cascade.observation import Observation, observed
from headgate.cascade.progress import Progress
from headgate.domains.questions.task import QuestionTask
from headgate.errors import LmRefusedError
from headgate.types import GateVerdict, Judgement, Origin, Prediction, Usage

ORIGIN = Origin("request-1", "someone")
UNSURE = Prediction(("disk", "net"), (0.75, 0.25))
SURE = Prediction(("disk", "net"), (0.1, 0.9))
SENT_ON = GateVerdict(False, 0.6, 0.8, 1.1)
KEPT = GateVerdict(True, 0.9, 0.8, 2.2)
JUDGED = Judgement("net", "because", Usage(1, 10, 5, 0.1))


@pytest.fixture
def progress():
    """One gate sent it on."""
    progress = Progress(0, log("likely", "r1"))
    progress.take("triage", "classify", UNSURE, 1.0)
    progress.judge("keep", SENT_ON, 1.0)
    return progress


def test_a_kept_answer_is_noted_without_a_reference():
    progress = Progress(0, log("net", "r1"))
    progress.take("triage", "classify", SURE, 1.0)
    progress.judge("keep", KEPT, 1.0)

    assert observed(progress, ORIGIN, LEVEL.canonical) == Observation(
        record=log("net", "r1"),
        origin=ORIGIN,
        score=0.9,
        small_answer="net",
        reference=None,
        confidence=0.9,
        kept=True,
    )


def test_an_answer_of_the_large_model_is_noted_beside_the_small_ones(progress):
    progress.take("decide", "verify", JUDGED, 1.0)

    noted = observed(progress, ORIGIN, LEVEL.canonical)

    assert (noted.small_answer, noted.reference, noted.kept) == ("disk", "net", False)
    assert (noted.score, noted.confidence) == (0.6, 0.75)


def test_answers_that_say_the_same_are_noted_as_equal(progress):
    progress.take("decide", "verify", replace(JUDGED, answer="The DISK."), 1.0)

    noted = observed(progress, ORIGIN, QuestionTask().canonical)

    assert (noted.small_answer, noted.reference) == ("disk", "disk")


def test_a_large_model_that_failed_leaves_no_reference(progress):
    progress.take("decide", "verify", LmRefusedError("llm", "no key", "Set it."), 1.0)

    noted = observed(progress, ORIGIN, LEVEL.canonical)

    assert (noted.small_answer, noted.reference, noted.kept) == ("disk", None, False)


def test_what_the_budget_kept_no_gate_has_kept(progress):
    progress.keep_for_budget()

    assert observed(progress, ORIGIN, LEVEL.canonical).kept is False


def test_the_score_is_of_the_first_gate_and_the_answer_of_the_last_tier(progress):
    """All records reach the first gate, so its scores can be compared."""
    progress.take("second", "classify", SURE, 1.0)
    progress.judge("surer", KEPT, 1.0)

    noted = observed(progress, ORIGIN, LEVEL.canonical)

    assert (noted.score, noted.small_answer, noted.confidence, noted.kept) == (
        0.6,
        "net",
        0.9,
        True,
    )


def test_a_score_that_is_no_number_is_the_least_sure():
    """A monitor ranks scores, and a log keeps them: NaN would break both."""
    progress = Progress(0, log("disk", "r1"))
    progress.take("triage", "classify", Prediction(("disk", "net"), (math.nan, math.nan)), 1.0)
    progress.judge("keep", GateVerdict(False, math.nan, 0.8, math.nan), 1.0)

    noted = observed(progress, ORIGIN, LEVEL.canonical)

    assert (noted.score, noted.confidence, noted.small_answer) == (0.0, 0.0, "disk")
