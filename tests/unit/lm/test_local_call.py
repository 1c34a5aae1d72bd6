"""Calls and answers as they cross a hop: JSON values, nothing of ours."""

import json

import pytest

from headgate.lm.faults import AnswerFault
from headgate.lm.local_call import LocalAnswer, LocalCall
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.read import ReadRequest
from headgate.lm.seam import RawAnswer
from headgate.types import Candidate


def called(question, fault=""):
    return LocalCall.of(question, fault, most_tokens=100, seconds_left=2.5, timeout_s=9.0)


def test_a_call_holds_what_an_endpoint_would_be_told(ask):
    call = called(ask())

    assert [turn["role"] for turn in call.messages] == ["system", "user"]
    assert call.response_format == ask().response_format()
    assert (call.temperature, call.weighed, call.most_tokens) == (0.0, "", 100)
    assert call.seconds_left == 2.5


def test_the_fault_of_the_answer_before_is_told_in_the_system_turn(ask):
    assert (
        "not accepted (invalid answer: empty)"
        in (called(ask(), "invalid answer: empty").messages[0]["content"])
    )


def test_what_is_weighed_is_named():
    question = ReadRequest("q1", "Answer.", "Who built it?", ())

    assert called(question).weighed == "answer"


def test_a_question_about_several_records_may_be_answered_at_greater_length():
    items = [RankItem(f"i{n}", {"name": "id"}, (Candidate("c", "text"),)) for n in range(3)]

    assert called(RankRequest("Match.", tuple(items))).most_tokens == 300


def test_a_call_survives_a_hop_as_json(ask):
    call = called(ask("línea \ud800"))

    assert LocalCall.from_plain(json.loads(json.dumps(call.plain()))) == call


@pytest.mark.parametrize("fault", [None, AnswerFault.TRUNCATED])
def test_an_answer_survives_a_hop_as_json(fault):
    answer = LocalAnswer(RawAnswer("{}", 12, 3, fault, -0.5), 1.25)

    assert LocalAnswer.from_plain(json.loads(json.dumps(answer.plain()))) == answer
