import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.news_advice import news_advice
from headgate.errors import LmAnswerError
from headgate.types import (
    Advice,
    Decision,
    GuaranteeState,
    Hit,
    Record,
    Result,
    Step,
    Tier,
    Usage,
)

LABELS = ("real", "fake")
RECORD = Record("n1", {"text": "It rained frogs.", "context": "A blog"})


def test_advice_bears_all_that_led_to_it():
    path = (Step("fused", "weigh", Decision.ANSWERED, 3.0, 0.9),)
    views = (
        Advice("textual_description", 0.8, "It shouts.", Usage(1, 20, 5), usefulness=0.75),
        Advice("commonsense", 0.4, "Frogs do fall.", usefulness=0.25),
    )
    similar = (Hit("n0", 0.7, "It rained fish.", {"label": "fake"}),)
    result = Result(
        "n1",
        "fake",
        0.9,
        Tier.LARGE,
        path=path,
        evidence=similar,
        rationale="It shouts.",
        usage=Usage(2, 40, 10, 0.1),
        certificate_id="c1",
        guarantee=GuaranteeState.CERTIFIED,
        degraded="DEADLINE",
        cached=True,
        advice=views,
    )

    advice = news_advice(RECORD, result, LABELS)

    assert (advice.id, advice.verdict, advice.tier) == ("n1", "fake", Tier.LARGE)
    assert (advice.probability, advice.confidence) == (0.9, 0.9)
    assert (advice.views, advice.similar, advice.path) == (views, similar, path)
    assert (advice.rationale, advice.usage) == ("It shouts.", Usage(2, 40, 10, 0.1))
    assert (advice.certificate_id, advice.guarantee) == ("c1", GuaranteeState.CERTIFIED)
    assert (advice.degraded, advice.cached, advice.error) == ("DEADLINE", True, None)


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize(
    ("answer", "confidence", "probability"),
    [
        pytest.param("fake", 0.75, 0.75, id="looked-for"),
        pytest.param("real", 0.75, 0.25, id="harmless"),
        pytest.param("real", 0.375, 0.625, id="by-another-threshold-than-one-half"),
        pytest.param("fake", 1.0, 1.0, id="certainly-looked-for"),
        pytest.param("real", 1.0, 0.0, id="certainly-harmless"),
    ],
)
def test_the_probability_is_of_the_second_label(tier, answer, confidence, probability):
    result = Result("n1", answer, confidence, tier)

    assert news_advice(RECORD, result, LABELS).probability == probability


@given(st.floats(0, 1))
def test_what_one_label_lacks_the_other_one_has(confidence):
    result = Result("n1", "real", confidence)

    as_it_is = news_advice(RECORD, result, ("real", "fake")).probability
    turned = news_advice(RECORD, result, ("fake", "real")).probability

    assert as_it_is + turned == pytest.approx(1.0)
    assert 0 <= as_it_is <= 1


def test_an_error_is_no_verdict():
    error = LmAnswerError("model", "no JSON", "Ask again.")

    advice = news_advice(RECORD, Result("n1", error=error), LABELS)

    assert (advice.verdict, advice.probability, advice.confidence) == ("", 0.0, 0.0)
    assert (advice.tier, advice.views, advice.error) == (None, (), error)


@pytest.mark.parametrize(
    ("record_lossy", "result_lossy"),
    [pytest.param(True, False, id="record"), pytest.param(False, True, id="result")],
)
def test_replaced_bytes_are_told(record_lossy, result_lossy):
    record = Record("n1", {"text": "Gr��e"}, lossy=record_lossy)
    result = Result("n1", "real", 0.9, lossy_input=result_lossy)

    assert news_advice(record, result, LABELS).lossy_input


@pytest.mark.parametrize("answer", ["", "other", "Fake"])
def test_an_answer_that_is_none_of_the_labels_is_a_bug(answer):
    with pytest.raises(ValueError, match="This is a bug"):
        news_advice(RECORD, Result("n1", answer, 0.9), LABELS)
