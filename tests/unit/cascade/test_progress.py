import pytest

from fakes.tiny_models import log
from headgate.cascade.guarantee import Claim
from headgate.cascade.payment import exhausted
from headgate.cascade.progress import Progress
from headgate.errors import DeadlineError, StageError
from headgate.types import (
    Advice,
    Decision,
    GateVerdict,
    GuaranteeState,
    Hit,
    Judgement,
    Prediction,
    Record,
    Result,
    Step,
    Tier,
    Usage,
)

FIRST = Prediction(("disk", "net"), (0.75, 0.25))
SECOND = Prediction(("disk", "net"), (0.1, 0.9))
HITS = (Hit("case-1", 0.5, "disk worn"),)
JUDGED = Judgement("net", "because", Usage(1, 10, 5, 0.1), cached=True)
ADVISED = Judgement(
    "net",
    "style: It shouts.",
    Usage(2, 20, 10, 0.2),
    confidence=0.8,
    advice=(Advice("style", 0.9, "It shouts.", usefulness=0.7), Advice("sense", 0.4, "Odd.")),
)
BROKEN = StageError("stage 's'", "the model failed", "Report it.")
LATE = DeadlineError("stage 's'", "too late", "Wait.")


@pytest.fixture
def progress():
    return Progress(3, log("unsure", "r1"))


def test_a_record_that_has_gone_nowhere_has_no_answer(progress):
    assert progress.result() == Result("r1")


def test_a_prediction_is_noted_with_its_confidence(progress):
    progress.take("triage", "classify", FIRST, 2.5)

    assert progress.steps == [Step("triage", "classify", Decision.ANSWERED, 2.5, 0.75)]
    assert (progress.prediction, progress.cells) == (FIRST, {"triage": FIRST})


def test_the_latest_prediction_is_the_small_models_answer(progress):
    progress.take("cheap", "classify", FIRST, 1.0)
    progress.take("triage", "classify", SECOND, 1.0)

    result = progress.result()

    assert (result.answer, result.confidence, result.tier) == ("net", 0.9, Tier.SMALL)


@pytest.mark.parametrize(("kept", "decision"), [(True, Decision.KEPT), (False, Decision.ESCALATED)])
def test_a_verdict_is_noted_with_score_and_threshold(progress, kept, decision):
    progress.judge("keep", GateVerdict(kept, 0.75, 0.8, 1.5), 0.5)

    assert progress.steps == [Step("keep", "gate", decision, 0.5, 0.75, "threshold 0.8000")]


def test_hits_are_evidence(progress):
    progress.take("similar", "retrieve", HITS, 1.0)

    assert progress.steps == [Step("similar", "retrieve", Decision.RETRIEVED, 1.0)]
    assert progress.result().evidence == HITS


def test_no_hits_are_no_failure(progress):
    progress.take("similar", "retrieve", (), 1.0)

    assert progress.steps[0].decision is Decision.RETRIEVED


def test_a_judgement_overrules_the_prediction(progress):
    progress.take("triage", "classify", FIRST, 1.0)
    progress.take("decide", "verify", JUDGED, 1.0)

    result = progress.result()

    assert (result.answer, result.tier, result.confidence) == ("net", Tier.LARGE, 0.25)
    assert (result.rationale, result.usage, result.cached) == ("because", JUDGED.usage, True)
    assert result.degraded == ""


def test_a_judgement_without_a_prediction_has_no_confidence(progress):
    progress.take("decide", "verify", JUDGED, 1.0)

    assert (progress.result().answer, progress.result().confidence) == ("net", 0.0)


def test_advice_is_an_answer_of_the_large_model_and_is_told_with_it(progress):
    """The cases that were found are for people, and stay the evidence."""
    progress.take("quick", "classify", FIRST, 1.0)
    progress.take("similar", "retrieve", HITS, 1.0)
    progress.take("views", "advise", ADVISED, 2.0)

    result = progress.result()

    assert progress.steps[-1] == Step("views", "advise", Decision.ANSWERED, 2.0, 0.8)
    assert (result.answer, result.tier, result.confidence) == ("net", Tier.LARGE, 0.8)
    assert (result.advice, result.evidence) == (ADVISED.advice, HITS)
    assert (result.rationale, result.usage) == ("style: It shouts.", ADVISED.usage)


def test_advice_that_fails_leaves_the_small_models_answer_without_any(progress):
    progress.take("quick", "classify", FIRST, 1.0)
    progress.take("views", "advise", LATE, 2.0)
    progress.problem = LATE

    result = progress.result()

    assert (result.answer, result.tier, result.degraded) == ("disk", Tier.SMALL, "DEADLINE")
    assert result.advice == ()


def test_a_failure_is_noted_by_its_reason_and_changes_no_answer(progress):
    progress.take("triage", "classify", FIRST, 1.0)
    progress.take("similar", "retrieve", BROKEN, 1.0)

    assert progress.steps[-1] == Step(
        "similar", "retrieve", Decision.FAILED, 1.0, detail="RECORD_FAILED"
    )
    assert progress.cells["similar"] is BROKEN
    assert (progress.result().answer, progress.result().degraded) == ("disk", "")


@pytest.mark.parametrize(("problem", "reason"), [(BROKEN, "RECORD_FAILED"), (LATE, "DEADLINE")])
def test_a_problem_marks_an_earlier_answer_degraded(progress, problem, reason):
    progress.take("triage", "classify", FIRST, 1.0)
    progress.problem = problem

    result = progress.result()

    assert (result.answer, result.tier, result.degraded) == ("disk", Tier.SMALL, reason)
    assert result.error is None


def test_a_problem_without_an_earlier_answer_is_the_error(progress):
    progress.problem = LATE

    result = progress.result()

    assert (result.answer, result.tier, result.degraded, result.error) == ("", None, "", LATE)


def test_a_result_names_its_record_and_whether_bytes_were_replaced():
    result = Progress(0, Record("r9", {"log": "x"}, lossy=True)).result()

    assert (result.record_id, result.lossy_input) == ("r9", True)


# Gates and the budget

SENT_ON = GateVerdict(False, 0.6, 0.8, 1.5)
KEPT = GateVerdict(True, 0.9, 0.8, 2.5)


def test_verdicts_are_kept_in_the_order_of_the_gates(progress):
    progress.judge("cheap_keep", SENT_ON, 1.0)
    before = progress.kept
    progress.judge("keep", KEPT, 1.0)

    assert list(progress.verdicts.items()) == [("cheap_keep", SENT_ON), ("keep", KEPT)]
    assert (before, progress.kept) == (False, True)


def test_what_the_budget_keeps_is_the_small_models_answer_and_no_gate_kept_it(progress):
    progress.take("triage", "classify", FIRST, 1.0)
    progress.judge("keep", SENT_ON, 1.0)

    progress.keep_for_budget()

    result = progress.result()
    assert (result.answer, result.tier, result.degraded) == ("disk", Tier.SMALL, "")
    assert result.path[-1] == Step(
        "budget", "budget", Decision.KEPT, 0.0, detail="a call is not worth its price now"
    )
    assert not progress.kept


def test_what_is_refused_has_no_answer_although_a_small_model_gave_one(progress):
    spent = exhausted("record 'r1'")
    progress.take("triage", "classify", FIRST, 1.0)

    progress.refuse(spent)

    result = progress.result()
    assert (result.answer, result.confidence, result.tier, result.error) == ("", 0.0, None, spent)
    assert [step.stage for step in result.path] == ["triage"]


def test_a_spent_budget_is_the_reason_why_an_answer_is_degraded(progress):
    progress.take("triage", "classify", FIRST, 1.0)
    progress.problem = exhausted("record 'r1'")

    assert progress.result().degraded == "BUDGET_EXHAUSTED"


# Claims

CLAIM = Claim("0123456789ab", GuaranteeState.SUSPECT)


@pytest.fixture
def claiming():
    progress = Progress(0, log("unsure", "r1"), CLAIM)
    progress.take("triage", "classify", FIRST, 1.0)
    return progress


def claims(progress):
    result = progress.result()
    return result.certificate_id, result.guarantee


def test_an_answer_claims_what_it_may(claiming):
    assert claims(claiming) == ("0123456789ab", GuaranteeState.SUSPECT)


def test_a_judgement_claims_what_it_may(claiming):
    claiming.take("decide", "verify", JUDGED, 1.0)

    assert claims(claiming) == ("0123456789ab", GuaranteeState.SUSPECT)


@pytest.mark.parametrize("problem", [BROKEN, LATE, exhausted("record 'r1'")])
def test_a_degraded_answer_claims_nothing(claiming, problem):
    claiming.problem = problem

    assert claims(claiming) == ("", GuaranteeState.UNCERTIFIED)


def test_an_error_claims_nothing(claiming):
    claiming.refuse(exhausted("record 'r1'"))

    assert claims(claiming) == ("", GuaranteeState.UNCERTIFIED)
