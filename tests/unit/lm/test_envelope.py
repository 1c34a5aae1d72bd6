import json

import pytest

from fakes.openai_endpoint import chat_completion
from headgate.lm.envelope import open_envelope
from headgate.lm.seam import RawAnswer

TEXT = '{"answer": "1901", "passages": [1]}'
TOKENS = [
    {"token": '{"answer": "', "logprob": -9.0, "bytes": None, "top_logprobs": []},
    {"token": "19", "logprob": -0.25, "bytes": [49, 57], "top_logprobs": []},
    {"token": "01", "logprob": -0.75, "bytes": [48, 49], "top_logprobs": []},
    {"token": '", "passages": [1]}', "logprob": -9.0, "top_logprobs": []},
]


def opened(weighed="answer", content=TEXT, **choice):
    body = json.dumps(chat_completion(content, **choice)).encode()
    return open_envelope(body, weighed)


def test_the_tokens_of_what_is_weighed_are_averaged():
    assert opened(logprobs={"content": TOKENS}) == RawAnswer(TEXT, 10, 5, log_prob=-0.5)


def test_nothing_is_weighed_unless_somebody_asks():
    assert opened("", logprobs={"content": TOKENS}).log_prob is None


def test_an_answer_without_the_key_is_weighed_as_a_whole():
    assert opened("label", logprobs={"content": TOKENS}).log_prob == -4.75


@pytest.mark.parametrize(
    "logprobs",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="list"),
        pytest.param({}, id="no-content"),
        pytest.param({"content": None}, id="null-content"),
        pytest.param({"content": []}, id="no-tokens"),
        pytest.param({"content": TOKENS[:2]}, id="too-few"),
        pytest.param({"content": [*TOKENS, 7]}, id="no-object"),
        pytest.param({"tokens": ["19"], "token_logprobs": [-1.0]}, id="another-interface"),
    ],
)
def test_an_endpoint_that_does_not_tell_still_answers(logprobs):
    assert opened(logprobs=logprobs) == RawAnswer(TEXT, 10, 5)


def test_without_a_text_there_is_nothing_to_weigh():
    assert opened(content=None, logprobs={"content": TOKENS}) == RawAnswer("", 10, 5)
