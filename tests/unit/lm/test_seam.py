import copy
from dataclasses import replace

import pytest

from headgate.lm.decide import LmRequest
from headgate.lm.seam import Completion, TransientLmError
from headgate.types import Candidate, Hit, Usage

REQUEST = LmRequest(
    record_id="r1",
    instruction="Sort the line.",
    fields={"message": "disk full", "source": "db1"},
    options=("a", "b"),
    candidates=(Candidate("a", "first"), Candidate("b", "second")),
    evidence=(Hit("h1", 0.9, "disk failed", {"label": "a", "reason": "looks like b"}),),
)


def test_equal_content_has_an_equal_hash_whatever_the_record_id_or_the_order_of_fields():
    other = replace(REQUEST, record_id="r2", fields={"source": "db1", "message": "disk full"})

    assert other.content_hash("m") == REQUEST.content_hash("m")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"instruction": "Sort."}, id="instruction"),
        pytest.param({"fields": {"message": "disk full", "source": "db2"}}, id="field"),
        pytest.param({"fields": {"message": "disk fulldb1", "source": ""}}, id="shifted-border"),
        pytest.param({"options": ("b", "a")}, id="options"),
        pytest.param({"candidates": (Candidate("a", "x"), Candidate("b", "y"))}, id="candidates"),
        pytest.param({"evidence": ()}, id="evidence"),
        pytest.param({"evidence": (Hit("h1", 0.9, "disk failed", {"label": "b"}),)}, id="metadata"),
        pytest.param({"fields": {"message": "\ud800"}}, id="lone-surrogate"),
    ],
)
def test_other_content_has_another_hash(change):
    assert replace(REQUEST, **change).content_hash("m") != REQUEST.content_hash("m")


def test_another_model_has_another_hash():
    assert REQUEST.content_hash("m1") != REQUEST.content_hash("m2")


def test_a_reused_completion_costs_nothing():
    paid = Completion(
        "a", Usage(calls=1, input_tokens=7, cost_usd=0.5), latency_s=2.0, log_prob=-0.5
    )

    assert paid.reused() == Completion("a", Usage(), latency_s=0.0, cached=True, log_prob=-0.5)


def test_a_transient_error_survives_being_taken_apart_and_put_together_as_hops_do():
    error = TransientLmError("here", "busy", "Wait.", 3.0)

    copied = copy.copy(error)

    assert (str(copied), copied.retry_after_s) == ("here: busy. Wait.", 3.0)
