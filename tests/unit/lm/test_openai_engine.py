import asyncio
import json
import resource

import pytest

from fakes.openai_endpoint import (
    FakeEndpoint,
    breaks_off,
    busy,
    chat_completion,
    fails,
    floods,
    gzip_bomb,
    half_closes,
    hangs,
    redirects,
    resets,
    says,
    says_label,
    sends,
    sends_json,
)
from headgate.errors import InputError, LmAnswerError, LmError, LmRefusedError
from headgate.lm.decompose import DecomposeRequest
from headgate.lm.faults import AnswerFault
from headgate.lm.openai_engine import OpenAiEngine
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.read import ReadRequest
from headgate.lm.seam import RawAnswer, TransientLmError
from headgate.types import Candidate, Deadline


@pytest.fixture
async def engine_for():
    engines = []

    def build(base_url, **options):
        engines.append(OpenAiEngine("fake", base_url=base_url, **options))
        return engines[-1]

    yield build
    for engine in engines:
        await engine.close()


@pytest.fixture
def answer_of(engine_for, ask):
    async def answer(*script, **options):
        async with FakeEndpoint(*script) as endpoint:
            engine = engine_for(endpoint.base_url, **options)
            return await engine.answer(ask(), Deadline.after(5)), endpoint.requests

    return answer


async def test_one_call_asks_for_one_of_the_options_without_randomness(answer_of):
    raw, [request] = await answer_of(says_label("disk"), max_tokens=99)

    assert raw == RawAnswer('{"reason": "because", "label": "disk"}', 10, 5)
    assert (request.path, request.options) == ("/v1/chat/completions", ["disk", "net"])
    assert "disk full" in request.user
    assert {key: request.body[key] for key in ("model", "temperature", "max_tokens")} == {
        "model": "fake",
        "temperature": 0,
        "max_tokens": 99,
    }


async def test_a_question_about_several_records_may_be_answered_at_as_many_times_the_length(
    engine_for,
):
    items = tuple(RankItem(own, {"name": own}, (Candidate("a", "x"),)) for own in ("r1", "r2"))
    async with FakeEndpoint(says('{"c1": [], "c2": []}')) as endpoint:
        engine = engine_for(endpoint.base_url, max_tokens=99)
        raw = await engine.answer(RankRequest("Match.", items), Deadline.after(5))

    (request,) = endpoint.requests
    schema = request.body["response_format"]["json_schema"]
    assert raw == RawAnswer('{"c1": [], "c2": []}', 10, 5)
    assert (request.body["max_tokens"], schema["name"]) == (198, "ranking")
    assert list(schema["schema"]["properties"]) == ["c1", "c2"]


async def test_log_probabilities_are_asked_for_only_where_an_answer_is_weighed(engine_for, ask):
    tokens = [{"token": '{"answer": "', "logprob": -9.0}, {"token": '1901"}', "logprob": -0.5}]
    reply = says('{"answer": "1901"}', logprobs={"content": tokens})
    async with FakeEndpoint(reply) as endpoint:
        engine = engine_for(endpoint.base_url)
        read = await engine.answer(ReadRequest("q", "Read.", "When?"), Deadline.after(5))
        decided = await engine.answer(ask(), Deadline.after(5))

    weighed, plain = endpoint.requests
    assert (weighed.body["logprobs"], read.log_prob) == (True, -0.5)
    assert ("logprobs" in plain.body, decided.log_prob) == (False, None)


@pytest.mark.parametrize(("sample", "temperature"), [(0, 0), (1, 1)])
async def test_a_sample_is_drawn_at_its_own_temperature(engine_for, sample, temperature):
    request = DecomposeRequest("q", "Split.", "When?", 3, lambda text: [], list, sample=sample)
    async with FakeEndpoint(says('{"steps": []}')) as endpoint:
        await engine_for(endpoint.base_url).answer(request, Deadline.after(5))

    assert endpoint.requests[0].body["temperature"] == temperature


async def test_only_needed_headers_leave_and_none_from_the_environment(answer_of, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "env-canary")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "env-canary")
    monkeypatch.setenv("OPENAI_ORG_ID", "env-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "env-canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Env: env-canary\nAuthorization: env-canary")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    _, [request] = await answer_of(says_label("disk"), api_key="sk-1")

    assert request.headers["authorization"] == "Bearer sk-1"
    assert request.headers["accept-encoding"] == "identity"
    assert "env-canary" not in str(request.headers)
    assert set(request.headers) <= {
        *("host", "authorization", "content-type", "content-length", "accept", "connection"),
        *("accept-encoding", "user-agent"),
    }


async def test_an_endpoint_without_a_key_gets_a_placeholder(answer_of):
    _, [request] = await answer_of(says_label("disk"))

    assert request.headers["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(None, (None, None), id="absent"),
        pytest.param({"prompt_tokens": 3}, (3, None), id="half"),
        pytest.param({"prompt_tokens": -1, "completion_tokens": True}, (None, None), id="no-count"),
        pytest.param({"prompt_tokens": 10**30, "completion_tokens": "5"}, (None, None), id="lie"),
        pytest.param([1, 2], (None, None), id="list"),
    ],
)
async def test_token_counts_are_taken_only_when_believable(answer_of, usage, counted):
    raw, _ = await answer_of(sends_json({**chat_completion("x"), "usage": usage}))

    assert (raw.input_tokens, raw.output_tokens) == counted


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param(says("{", finish_reason="length"), "truncated", id="length"),
        pytest.param(says("", finish_reason="content_filter"), "content_filter", id="filter"),
        pytest.param(says(None, message={"refusal": "no"}), "refusal", id="refusal"),
        pytest.param(says("{}", finish_reason=["length"]), None, id="odd-finish-reason"),
        pytest.param(says(None), None, id="null-content"),
        pytest.param(says("", message={"content": [{"text": "x"}]}), None, id="content-parts"),
    ],
)
async def test_what_is_wrong_by_the_endpoints_own_word_comes_with_its_tokens(
    answer_of, reply, fault
):
    raw, _ = await answer_of(reply)

    assert (raw.fault, raw.input_tokens) == (fault and AnswerFault(fault), 10)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param(sends("<html></html>", content_type="text/html"), "not_json", id="html"),
        pytest.param(sends(""), "not_json", id="empty"),
        pytest.param(sends('{"choices": [{"mess'), "not_json", id="truncated"),
        pytest.param(sends(b"\xff\xfe{}"), "not_json", id="not-utf-8"),
        pytest.param(sends("{} {}"), "not_json", id="two-values"),
        pytest.param(sends("[" * 100_000), "too_deep", id="deep"),
        pytest.param(sends('{"choices": ' + "[" * 100_000), "too_deep", id="deep-inside"),
        pytest.param(sends('{"choices": 1, "choices": 2}'), "duplicate_key", id="duplicate-key"),
        pytest.param(sends("[]"), "no_choices", id="array"),
        pytest.param(sends_json({"choices": []}), "no_choices", id="no-choices"),
        pytest.param(sends_json({"choices": {"0": {}}}), "no_choices", id="choices-object"),
        pytest.param(sends_json({"choices": [None]}), "no_choices", id="null-choice"),
        pytest.param(sends_json({"choices": [{"message": "x"}]}), "no_choices", id="no-message"),
        pytest.param(gzip_bomb(50_000_000), "encoded", id="gzip-bomb"),
    ],
)
async def test_a_reply_that_is_no_completion_is_an_answer_error(answer_of, reply, fault):
    with pytest.raises(LmAnswerError, match=f"invalid answer: {fault}"):
        await answer_of(reply)


async def test_a_body_of_200_mb_is_cut_off_at_the_cap(answer_of):
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(LmAnswerError, match="too_large"):
        await answer_of(floods(200_000_000))

    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after_kib - before_kib <= 20 * 1024


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(resets, id="reset"),
        pytest.param(half_closes, id="half-close"),
        pytest.param(breaks_off, id="breaks-off"),
        pytest.param(sends("", status="not http"), id="no-http"),
        pytest.param(busy(), id="429"),
        pytest.param(fails("503 Service Unavailable", body="[" * 100_000), id="503-deep-body"),
    ],
)
async def test_an_endpoint_in_trouble_is_a_transient_error(answer_of, reply):
    with pytest.raises(TransientLmError):
        await answer_of(reply)


async def test_nobody_listening_is_a_transient_error(engine_for, ask):
    async with FakeEndpoint(hangs) as endpoint:
        base_url = endpoint.base_url

    with pytest.raises(TransientLmError, match="ConnectError"):
        await engine_for(base_url).answer(ask(), Deadline.after(5))


async def test_a_failing_tls_handshake_is_a_transient_error(engine_for, ask):
    async def speak_plainly(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransientLmError):
            await engine_for(f"https://127.0.0.1:{port}/v1").answer(ask(), Deadline.after(5))


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found"]
)
async def test_a_refusing_endpoint_is_final_and_its_words_stay_out_of_the_error(answer_of, status):
    body = json.dumps({"error": {"message": "canary: key sk-canary"}})

    with pytest.raises(LmRefusedError) as caught:
        await answer_of(fails(status, body=body), api_key="sk-canary")

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_redirect_is_not_followed(answer_of):
    async with FakeEndpoint(says_label("disk")) as elsewhere:
        for target in ("http://169.254.169.254/latest", elsewhere.base_url):
            with pytest.raises(LmRefusedError, match="HTTP 307"):
                await answer_of(redirects(target))

        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "base_url",
    [
        pytest.param("", id="empty"),
        pytest.param("localhost:8000/v1", id="no-scheme"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("http://", id="no-host"),
        pytest.param("http://[::1", id="malformed"),
        pytest.param("http://169.254.169.254/v1", id="metadata-address"),
        pytest.param("http://[fe80::1]/v1", id="link-local-v6"),
    ],
)
def test_a_base_url_that_cannot_be_an_endpoint_is_refused(base_url):
    with pytest.raises(InputError, match="base_url"):
        OpenAiEngine("fake", base_url=base_url)


async def test_a_request_that_cannot_be_written_as_utf8_is_an_error_of_ours(engine_for, ask):
    lone = ask().__class__("r1", "\ud800", {}, ("\ud800",))

    async with FakeEndpoint(hangs) as endpoint:
        with pytest.raises(LmError, match="the call failed"):
            await engine_for(endpoint.base_url).answer(lone, Deadline.after(5))
