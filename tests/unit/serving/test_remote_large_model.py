"""Large models elsewhere, behind a handle and an endpoint that do what a script says."""

import asyncio

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.serve.exceptions import RayServeException

from fakes.openai_endpoint import FakeEndpoint, busy, hangs, says_label
from fakes.serve_handles import Handle
from headgate.cascade.large_models import ray_llm_engine, wrap_engine
from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.errors import LmError, LmRefusedError
from headgate.lm.decide import LmRequest
from headgate.lm.local_call import LocalAnswer, LocalCall
from headgate.lm.seam import RawAnswer, TransientLmError
from headgate.serving.demand import Meter
from headgate.serving.remote_large_model import MeteredEngine, RemoteLargeModelEngine
from headgate.types import Deadline

ANSWER = LocalAnswer(RawAnswer('{"reason": "seen", "label": "disk"}', 20, 5), 0.25)


def handle_of(*script):
    """Return a handle whose answers are plain values, also those that come late."""
    plain = [each.plain() if isinstance(each, LocalAnswer) else each for each in script]
    return Handle(*plain, late=ANSWER.plain())


def calls_of(handle):
    return [LocalCall.from_plain(each) for each in handle.arguments]


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def engine_of(meter):
    def build(handle, **settings):
        keys = {"kind": "lm", "engine": "transformers", "source": "org/name", **settings}
        spec = TransformersSpec.model_validate(keys)
        return RemoteLargeModelEngine(spec, "k", meter, find=lambda app: handle)

    return build


def ask(text="disk full"):
    return LmRequest("r1", "Sort the line.", {"message": text}, ("disk", "net"))


async def test_plain_values_cross_the_hop_and_an_answer_comes_back(engine_of):
    handle = handle_of(ANSWER)

    raw = await engine_of(handle, max_output_tokens=99).answer(ask(), Deadline.after(60), "empty")

    assert raw == ANSWER.answer
    [call] = calls_of(handle)
    assert (call.most_tokens, call.weighed, call.temperature) == (99, "", 0.0)
    assert "not accepted (empty)" in call.messages[0]["content"]
    assert call.response_format == ask().response_format()


async def test_a_replica_has_as_long_as_the_caller_and_works_no_longer_than_one_call_may_take(
    engine_of,
):
    handle = handle_of(ANSWER)
    engine = engine_of(handle, timeout_s=10)

    await engine.answer(ask(), Deadline.after(5))
    await engine.answer(ask(), Deadline.after(60))

    assert 0 < calls_of(handle)[0].seconds_left <= 5
    assert 10 < calls_of(handle)[1].seconds_left <= 60
    assert calls_of(handle)[1].timeout_s == 10


async def test_the_application_is_looked_up_once_and_when_it_is_needed(meter):
    looked_up = []
    spec = TransformersSpec(kind="lm", engine="transformers", source="org/name")
    engine = RemoteLargeModelEngine(
        spec, "k", meter, find=lambda app: looked_up.append(app) or handle_of(ANSWER)
    )
    assert looked_up == []

    for _ in range(2):
        await engine.answer(ask(), Deadline.after(60))

    assert looked_up == ["headgate-lm-k"]
    assert (engine.name, engine.recorded) == ("org/name", False)


async def test_the_handle_is_let_go_with_the_engine(engine_of):
    """It would go on to tell Serve of its calls."""
    used, unused = handle_of(ANSWER), handle_of(ANSWER)
    engine = engine_of(used)
    await engine.answer(ask(), Deadline.after(60))

    await engine.close()
    await engine_of(unused).close()

    assert (used.closed, unused.closed) == (True, False)


LOST = [
    pytest.param(ActorDiedError, id="died"),
    pytest.param(lambda: ActorUnavailableError("gone", b"0" * 16), id="unavailable"),
]


@pytest.mark.parametrize("lose", LOST)
async def test_a_replica_that_dies_is_retried_once_elsewhere(engine_of, lose):
    handle = handle_of(lose(), ANSWER)

    assert await engine_of(handle).answer(ask(), Deadline.after(60)) == ANSWER.answer
    assert len(calls_of(handle)) == 2


@pytest.mark.parametrize("lose", LOST)
async def test_two_replicas_that_die_may_be_asked_again_later(engine_of, lose):
    handle = handle_of(lose())

    with pytest.raises(TransientLmError, match="two replicas died"):
        await engine_of(handle).answer(ask(), Deadline.after(60))
    assert len(calls_of(handle)) == 2


async def test_a_model_that_serve_has_no_replica_for_may_be_asked_again_later(engine_of):
    with pytest.raises(TransientLmError, match="'headgate-lm-k': Serve has no replica for it"):
        await engine_of(handle_of(RayServeException("gone"))).answer(ask(), Deadline.after(60))


async def test_an_application_that_is_missing_may_be_there_later(meter):
    def find(app):
        raise RayServeException(app)

    spec = TransformersSpec(kind="lm", engine="transformers", source="org/name")
    engine = RemoteLargeModelEngine(spec, "k", meter, find=find)

    with pytest.raises(TransientLmError, match="Serve has no replica"):
        await engine.answer(ask(), Deadline.after(60))


async def test_an_error_of_the_model_is_told_and_not_tried_elsewhere(engine_of):
    handle = handle_of(LmRefusedError("large model 'm'", "too long", "Shorten it."))

    with pytest.raises(LmRefusedError, match="too long"):
        await engine_of(handle).answer(ask(), Deadline.after(60))
    assert len(calls_of(handle)) == 1


async def test_an_error_comes_without_the_traceback_that_ray_puts_around_it(engine_of):
    cause = LmError("large model 'm'", "it failed", "Look at it.")
    wrapped = RayTaskError("answer", "Traceback: secret", cause).as_instanceof_cause()

    with pytest.raises(LmError) as caught:
        await engine_of(handle_of(wrapped)).answer(ask(), Deadline.after(60))
    assert str(caught.value) == "large model 'm': it failed. Look at it."


async def test_a_caller_that_goes_away_cancels_the_call(engine_of, meter):
    handle = handle_of(asyncio.Event())
    call = asyncio.create_task(engine_of(handle).answer(ask(), Deadline.after(60)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert handle.responses[0].cancelled
    assert meter.demand().under_way == 0


async def test_calls_are_metered_with_the_seconds_that_the_replica_tells(engine_of, meter):
    await engine_of(handle_of(ANSWER)).answer(ask(), Deadline.after(60))

    assert meter.demand().seconds == 0.25
    assert meter.demand().per_s > 0


async def test_no_more_calls_go_out_than_the_file_allows_and_those_that_wait_are_counted(
    engine_of, meter
):
    may_answer = asyncio.Event()
    handle = handle_of(may_answer)
    engine = engine_of(handle, max_concurrency=2)
    calls = [asyncio.create_task(engine.answer(ask(), Deadline.after(60))) for _ in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)

    assert (len(calls_of(handle)), meter.demand().under_way) == (2, 5)
    may_answer.set()
    await asyncio.gather(*calls)
    assert (len(calls_of(handle)), meter.demand().under_way) == (5, 0)


async def test_a_first_replica_is_waited_for_as_long_as_the_caller_waits(engine_of):
    """One call of the model may take a millisecond, which starting does not count to."""
    may_answer = asyncio.Event()
    spec = TransformersSpec(kind="lm", engine="transformers", source="org/name", timeout_s=0.001)
    engine = engine_of(handle_of(may_answer), timeout_s=0.001)
    model = wrap_engine(spec, engine, limited=True)
    call = asyncio.create_task(model.complete_one(ask(), Deadline.after(60)))
    done, _ = await asyncio.wait({call}, timeout=0.05)

    assert not done
    may_answer.set()
    assert (await call).value.answer == "disk"


def in_cluster(**settings):
    keys = {"kind": "lm", "engine": "ray_llm", "model": "org/name", **settings}
    return RayLlmSpec.model_validate(keys)


async def test_a_model_in_the_cluster_is_asked_below_its_path_and_metered(meter):
    spec = in_cluster(max_output_tokens=77)
    async with FakeEndpoint(says_label("net")) as endpoint:
        base_url = endpoint.base_url.replace("/v1", "/llm/abc/v1")
        engine = MeteredEngine(ray_llm_engine(spec, base_url), spec, meter)
        completion = await wrap_engine(spec, engine, limited=True).complete_one(
            ask(), Deadline.after(60)
        )
        await engine.close()

    [request] = endpoint.requests
    assert request.path == "/llm/abc/v1/chat/completions"
    assert (request.body["model"], request.body["max_tokens"]) == ("org/name", 77)
    assert request.options == ["disk", "net"]
    assert completion.value.answer == "net"
    assert 0 < meter.demand().seconds < 60


async def test_a_call_to_the_cluster_that_takes_too_long_may_be_made_again(meter):
    spec = in_cluster(timeout_s=0.05)
    async with FakeEndpoint(hangs) as endpoint:
        engine = MeteredEngine(ray_llm_engine(spec, endpoint.base_url), spec, meter)
        with pytest.raises(TransientLmError, match=r"one call took longer than 0\.05 s"):
            await engine.answer(ask(), Deadline.after(60))
        await engine.close()

    assert (meter.demand().under_way, meter.demand().seconds) == (0, None)


async def test_a_cluster_that_is_busy_is_asked_once_more(meter):
    spec = in_cluster()
    async with FakeEndpoint(busy(), says_label("disk")) as endpoint:
        engine = MeteredEngine(ray_llm_engine(spec, endpoint.base_url), spec, meter)
        with pytest.raises(TransientLmError):
            await engine.answer(ask(), Deadline.after(60))
        assert (await engine.answer(ask(), Deadline.after(60))).output_tokens == 5
        await engine.close()
