"""The question answering sample, indexed, fitted and served on a real Ray of this machine."""

import json
import os
import socket

import pytest

from fakes.sample_questions import SAMPLE, fit_questions, sample_answers, sample_questions
from headgate.client import Client
from headgate.domains.questions.answers import exact_match
from headgate.errors import RemoteError
from headgate.questions import Answered, GivenQuestion, PlanMade, StepDone
from headgate.serving.app import deploy
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.types import GuaranteeState, Record, Tier

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def client(embedded_int8, tmp_path_factory):
    """A client of one gateway that serves the fitted sample."""
    del embedded_int8  # made before the cluster is there
    loaded = fit_questions(tmp_path_factory.mktemp("questions"))
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory
    os.environ.update(SERVE_FLAGS)
    import ray
    from ray import serve

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    deploy([loaded], GatewaySettings(address, str(tmp_path_factory.mktemp("state"))))
    with Client(address, timeout_s=60) as found:
        found.wait_until_ready(60)
        yield found
    ray.shutdown()


@pytest.fixture(scope="module")
def answers(client):
    """What is answered to the questions of the sample's test rows."""
    return client.answer_questions(sample_questions())


def test_most_answers_are_right_and_the_smaller_part_took_steps(answers):
    right = sample_answers()
    hits = [exact_match(answer.answer, right[answer.id]) for answer in answers]
    stepped = [answer for answer in answers if answer.tier is Tier.LARGE]

    assert sum(hits) >= 0.7 * len(hits)
    assert 0 < len(stepped) < len(answers) / 2


def test_an_answer_comes_with_its_passages_and_its_path(answers):
    for answer in answers:
        assert answer.error is None
        assert answer.path
        assert answer.passages or answer.tier is Tier.SMALL
    assert any(passage.cited for answer in answers for passage in answer.passages)


def test_steps_bear_earlier_answers_in_their_places(answers):
    asked = [step for answer in answers for step in answer.steps if step.error is None]

    assert asked
    assert not any("#1" in step.question for step in asked)


def test_answers_fall_under_the_certificate(client, answers):
    (summary,) = client.list_cascades()

    assert summary.certificate is not None
    assert summary.certificate.certified
    claims = {(a.guarantee, a.certificate_id) for a in answers if not a.degraded}
    assert claims == {(GuaranteeState.CERTIFIED, summary.certificate.id)}


def test_a_stream_tells_plan_and_steps_before_the_answer(client, answers):
    name = next(answer.id for answer in answers if len(answer.steps) > 1)
    question = next(each for each in sample_questions() if each.id == name)

    plan, *steps, last = client.stream_answers([question])

    assert isinstance(plan, PlanMade)
    assert {type(each) for each in steps} == {StepDone}
    assert isinstance(last, Answered)
    assert [each.answer.step for each in steps] == [step.id for step in plan.steps]
    assert last.answer.steps == tuple(each.answer for each in steps)


def test_bad_questions_have_errors_in_their_own_places(client):
    good = sample_questions()[0]
    bad = [GivenQuestion("blank", "  "), GivenQuestion("long", "word " * 30_000)]

    first, second, third = client.answer_questions([bad[0], good, bad[1]])

    assert second.error is None
    assert (first.error.status, third.error.status) == ("INVALID_ARGUMENT",) * 2
    assert "word" not in str(third.error)


def test_a_question_of_ten_thousand_words_is_no_reason_to_fail_the_others(client):
    good = sample_questions()[0]
    long = GivenQuestion("long", "Who built the mill and " * 2_500)

    # Nothing was recorded for it, which is its error and no answer.
    missed, answered = client.answer_questions([long, good])

    assert answered.error is None
    assert missed.error is not None


def test_an_explanation_says_what_the_first_reading_would_take(client):
    row = json.loads((SAMPLE / "sample" / "test.jsonl").read_text("utf-8").splitlines()[0])

    (explained,) = client.explain_cascade([Record(row["id"], {"question": row["question"]})])

    assert explained.expected_usage.calls == 1
    assert explained.answer == ""


def test_a_capability_that_the_cascade_lacks_is_refused(client):
    with pytest.raises(RemoteError):
        client.classify([Record("1", {"question": "Who?"})])
