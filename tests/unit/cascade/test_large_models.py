import json

import pytest

from fakes.made_up_logs import (
    CHEAP,
    CHEAP_KEEP,
    DECIDE,
    NGRAMS,
    make_cascade,
    read_rows,
    rows,
)
from fakes.openai_endpoint import FakeEndpoint, decides, fails, hangs, says_label
from fakes.tiny_causal_lm import write_scripted_lm
from headgate.cascade.large_models import open_large_model
from headgate.cascade.lm_spec import (
    OpenAiSpec,
    PriceSpec,
    RayLlmSpec,
    ReplaySpec,
    TransformersSpec,
)
from headgate.cascade.open import open_engine
from headgate.cascade.strict import SecretSpec
from headgate.errors import InputError, LmError, LmRefusedError, ModelError, ReplayMissError
from headgate.fitting.fit import fit_cascade
from headgate.lm.decide import LmRequest
from headgate.types import Deadline, Tier

SECRET = "sk-canary-7"
REQUEST = LmRequest("r1", "Sort.", {"log": "link down"}, ("info", "error"))


def openai(**settings):
    return OpenAiSpec(kind="lm", engine="openai", model="tiny", **settings)


def soon():
    return Deadline.after(5)


async def ask(spec, environment, request=REQUEST):
    """Return the answer, and close the model."""
    model = open_large_model(spec, "", environment)
    try:
        return await model.complete_one(request, soon())
    finally:
        await model.close()


@pytest.fixture
async def endpoint():
    async with FakeEndpoint(says_label("error")) as running:
        yield running


# Keys


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(f" {SECRET}\n", encoding="utf-8")
    return path


async def test_a_key_comes_from_the_environment(endpoint):
    spec = openai(base_url=endpoint.base_url, api_key=SecretSpec(env="MY_KEY"))

    await ask(spec, {"MY_KEY": SECRET, "OPENAI_API_KEY": "another"})

    assert endpoint.requests[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_a_key_comes_from_a_file_without_the_space_around_it(endpoint, key_file):
    spec = openai(base_url=endpoint.base_url, api_key=SecretSpec(file=str(key_file)))

    await ask(spec, {})

    assert endpoint.requests[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_without_an_api_key_the_environments_own_is_not_sent(endpoint, monkeypatch):
    """The cascade file says who gets a key; an SDK must not think of one by itself."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)

    await ask(openai(base_url=endpoint.base_url), {"OPENAI_API_KEY": SECRET})

    assert SECRET not in json.dumps(dict(endpoint.requests[0].headers))


@pytest.mark.parametrize(
    "environment",
    [{}, {"MY_KEY": ""}, {"MY_KEY": " \n"}, {"my_key": SECRET}],
    ids=["missing", "empty", "blank", "other-case"],
)
def test_a_key_that_is_not_in_the_environment_is_refused_by_the_variables_name(environment):
    with pytest.raises(LmRefusedError) as caught:
        open_large_model(openai(api_key=SecretSpec(env="MY_KEY")), "", environment)

    assert caught.value.args == (
        "environment variable MY_KEY",
        "it holds no key",
        "Set it, or name no key in the file.",
    )


@pytest.mark.parametrize(
    "content",
    [None, b"", b" \n", b"\xff\xfe" + SECRET.encode("utf-16-le")],
    ids=["missing", "empty", "blank", "not-utf-8"],
)
def test_a_key_file_without_a_key_is_refused_by_its_path_and_not_shown(tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(LmRefusedError) as caught:
        open_large_model(openai(api_key=SecretSpec(file=str(path))), "", {})

    assert caught.value.place == f"file {path}"
    assert SECRET not in str(caught.value)


def test_a_directory_is_no_key_file(tmp_path):
    with pytest.raises(LmRefusedError, match="it holds no key"):
        open_large_model(openai(api_key=SecretSpec(file=str(tmp_path))), "", {})


async def test_a_key_the_endpoint_refuses_is_not_in_the_error():
    async with FakeEndpoint(fails("401 Unauthorized", json.dumps({"error": SECRET}))) as endpoint:
        spec = openai(base_url=endpoint.base_url, api_key=SecretSpec(env="MY_KEY"))

        with pytest.raises(LmRefusedError) as caught:
            await ask(spec, {"MY_KEY": SECRET})

    assert SECRET not in str(caught.value)


# Addresses


async def test_the_address_of_the_file_wins_over_the_environments(endpoint):
    await ask(openai(base_url=endpoint.base_url), {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})

    assert len(endpoint.requests) == 1


async def test_the_address_may_come_from_the_environment(endpoint):
    found = await ask(openai(), {"OPENAI_BASE_URL": endpoint.base_url})

    assert (found.value.answer, endpoint.requests[0].path) == ("error", "/v1/chat/completions")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000/v1",
        "ftp://host/v1",
        "http://169.254.169.254/v1",
        f"file:///etc/passwd?{SECRET}",
    ],
)
def test_a_wrong_address_of_the_environment_is_refused_and_not_shown(url):
    with pytest.raises(InputError) as caught:
        open_large_model(openai(), "", {"OPENAI_BASE_URL": url})

    assert caught.value.place == "base_url"
    assert url not in str(caught.value)


# Settings


async def test_an_answer_is_charged_at_the_files_price(endpoint):
    """The endpoint counts 10 tokens in and 5 out."""
    price = PriceSpec(input_usd_per_million=2.0, output_usd_per_million=8.0)

    found = await ask(openai(base_url=endpoint.base_url, price=price), {})

    assert found.usage.cost_usd == pytest.approx((10 * 2 + 5 * 8) / 1e6)


async def test_without_a_price_nothing_is_charged(endpoint):
    found = await ask(openai(base_url=endpoint.base_url), {})

    assert (found.usage.calls, found.usage.input_tokens, found.usage.cost_usd) == (1, 10, 0)


async def test_the_model_and_the_limit_of_the_file_are_sent(endpoint):
    await ask(openai(base_url=endpoint.base_url, max_output_tokens=77), {})

    body = endpoint.requests[0].body
    assert (body["model"], body["max_tokens"]) == ("tiny", 77)


async def test_the_most_a_call_can_cost_is_told_by_the_limit_and_the_price_of_the_file():
    """Three calls of 100 tokens out, at 2 dollars a million."""
    price = PriceSpec(input_usd_per_million=0.0, output_usd_per_million=2.0)
    model = open_large_model(openai(price=price, max_output_tokens=100), "", {})

    assert model.largest_cost_usd(REQUEST) == pytest.approx(600e-6)
    await model.close()


async def test_one_call_takes_no_longer_than_the_file_allows():
    """There is no time for the pause before a second one."""
    async with FakeEndpoint(hangs) as endpoint:
        model = open_large_model(openai(base_url=endpoint.base_url, timeout_s=0.02), "", {})
        with pytest.raises(LmError, match=r"one call took longer than 0\.02 s"):
            await model.complete_one(REQUEST, Deadline.after(0.4))
        await model.close()


@pytest.mark.parametrize(("entries", "requests"), [(0, 2), (10, 1)])
async def test_answers_are_kept_as_many_as_the_file_says(endpoint, entries, requests):
    model = open_large_model(openai(base_url=endpoint.base_url, cache_entries=entries), "", {})

    for _ in range(2):
        await model.complete_one(REQUEST, soon())
    await model.close()

    assert len(endpoint.requests) == requests


# Recorded answers


@pytest.fixture
def recordings(tmp_path):
    path = tmp_path / "answers.jsonl"
    row = {"id": "r1", "answer": "Label: info", "input_tokens": 100, "output_tokens": 20}
    path.write_text(json.dumps(row), encoding="utf-8")
    return path


def replay(**settings):
    return ReplaySpec(kind="lm", engine="replay", recordings="answers.jsonl", **settings)


async def test_recorded_answers_are_read_from_the_resolved_path_and_priced(recordings):
    price = PriceSpec(input_usd_per_million=1.0, output_usd_per_million=2.0)
    model = open_large_model(replay(price=price), str(recordings), {})

    found = await model.complete_one(REQUEST, soon())

    assert (found.value.answer, found.usage.input_tokens) == ("info", 100)
    assert found.usage.cost_usd == pytest.approx(140e-6)


def test_a_recorded_answer_costs_no_more_than_the_longest_one(recordings):
    price = PriceSpec(input_usd_per_million=0.0, output_usd_per_million=2.0)
    model = open_large_model(replay(price=price), str(recordings), {})

    assert model.largest_cost_usd(REQUEST) == pytest.approx(40e-6)


async def test_a_record_that_was_not_recorded_is_missed(recordings):
    model = open_large_model(replay(), str(recordings), {})
    other = LmRequest("r2", "Sort.", {"log": "link down"}, ("info", "error"))

    with pytest.raises(ReplayMissError, match="record 'r2': no answer was recorded"):
        await model.complete_one(other, soon())


def test_recordings_that_are_not_there_are_refused_by_their_path(tmp_path):
    with pytest.raises(InputError, match="the file cannot be read"):
        open_large_model(replay(), str(tmp_path / "none.jsonl"), {})


@pytest.mark.parametrize(("named", "shown"), [("gpt-recorded", "gpt-recorded"), (None, "replay")])
def test_the_ledger_shows_whose_answers_were_recorded(recordings, named, shown):
    assert open_large_model(replay(model=named), str(recordings), {}).name == shown


# Weights in this process


def local(**settings):
    keys = {"kind": "lm", "engine": "transformers", "source": "./weights", **settings}
    return TransformersSpec.model_validate(keys)


@pytest.mark.slow
async def test_weights_answer_in_this_process_wherever_they_are_placed(tmp_path):
    source = write_scripted_lm(tmp_path, ('{"reason":"seen","label":"', "info", '"}'))
    price = PriceSpec(input_usd_per_million=0.0, output_usd_per_million=2.0)
    model = open_large_model(local(price=price, max_output_tokens=50), source, {})

    found = await model.complete_one(REQUEST, Deadline.after(60))

    assert (found.value.answer, found.usage.output_tokens) == ("info", 4)
    assert found.usage.cost_usd == pytest.approx(8e-6)
    assert model.name == "./weights"
    assert model.largest_cost_usd(REQUEST) == pytest.approx(300e-6)
    await model.close()


def test_a_directory_without_weights_is_said_when_the_model_is_opened(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json with"):
        open_large_model(local(), str(tmp_path), {})


async def test_a_model_of_the_hub_is_not_fetched_before_it_is_asked():
    model = open_large_model(local(source="org/name"), "org/name", {})

    assert model.name == "org/name"
    await model.close()


# A model that a cluster runs, outside of that cluster


def in_cluster(**settings):
    keys = {"kind": "lm", "engine": "ray_llm", "model": "org/name", **settings}
    return RayLlmSpec.model_validate(keys)


async def test_a_model_in_a_cluster_is_asked_where_the_environment_says(endpoint):
    environment = {"HEADGATE_RAY_LLM_URL": endpoint.base_url}

    found = await ask(in_cluster(max_output_tokens=77), environment)

    body = endpoint.requests[0].body
    assert found.value.answer in REQUEST.options
    assert (body["model"], body["max_tokens"]) == ("org/name", 77)


def test_a_model_in_a_cluster_without_an_address_says_what_to_set():
    with pytest.raises(InputError) as caught:
        open_large_model(in_cluster(), "", {"OPENAI_BASE_URL": "http://elsewhere/v1"})

    assert str(caught.value) == (
        "large model 'org/name': it runs in a cluster, which this process is not part of. "
        "Set HEADGATE_RAY_LLM_URL to an address that serves it, such as "
        "http://host:8000/llm/KEY/v1."
    )


# A whole cascade with an endpoint


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A cascade fitted on n-grams that sends every record on, with its endpoint left open."""
    folder = tmp_path_factory.mktemp("endpoint")
    model = (
        "llm: {kind: lm, engine: openai, model: tiny, api_key: {env: MY_KEY}, "
        "price: {input_usd_per_million: 1.0, output_usd_per_million: 2.0}}"
    )
    flow = (CHEAP, CHEAP_KEEP, DECIDE)
    loaded = make_cascade(folder, "level", models=(NGRAMS, model), flow=flow, share=0.5)
    fit_cascade(loaded, read_rows(loaded, rows("level", range(60)), rows("level", range(200, 240))))
    return loaded


@pytest.fixture
def open_at(fitted):
    """Open the cascade at an endpoint."""

    def open_it(endpoint):
        return open_engine(fitted, {"OPENAI_BASE_URL": endpoint.base_url, "MY_KEY": SECRET})

    return open_it


@pytest.fixture
def records(fitted):
    lines = rows("level", range(500, 530))
    return [row.record for row in read_rows(fitted, lines, lines).train]


def says_info(request):
    """Answer what the prompt and the schema allow, and look that the line is there."""
    assert "Decide." in request.system
    assert request.options == ["info", "error"]
    return "info"


async def test_what_the_gate_sends_on_is_answered_by_the_endpoint(open_at, records):
    async with FakeEndpoint(decides(says_info)) as endpoint:
        engine = open_at(endpoint)
        results = await engine.run(records, soon())
        await engine.asking.large_model.close()

    large = [result for result in results if result.tier is Tier.LARGE]
    assert 0 < len(large) < len(results)
    assert len(endpoint.requests) == len(large)
    assert {result.answer for result in large} == {"info"}
    assert {result.rationale for result in large} == {"because"}
    assert large[0].usage.cost_usd == pytest.approx(20e-6)
    assert not [result for result in results if result.error or result.degraded]
    kept = [result for result in results if result.tier is Tier.SMALL]
    assert {result.path[-1].decision for result in kept} == {"kept"}
    lines = {record.id: record.fields["log"] for record in records}
    sent = sorted(lines[result.record_id] for result in large)
    assert all(any(line in each.user for each in endpoint.requests) for line in sent)


async def test_a_slow_endpoint_leaves_the_small_models_answers_in_time(open_at, records):
    async with FakeEndpoint(hangs) as endpoint:
        engine = open_at(endpoint)
        results = await engine.run(records, Deadline.after(0.2))
        await engine.asking.large_model.close()

    degraded = [result for result in results if result.degraded]
    assert 0 < len(degraded) < len(results)
    assert {(each.degraded, each.tier) for each in degraded} == {("DEADLINE", Tier.SMALL)}
    assert {each.answer for each in results} == {"info", "error"}
    assert not [result for result in results if result.error]


async def test_an_endpoint_that_refuses_the_key_leaves_the_small_models_answers(open_at, records):
    async with FakeEndpoint(fails("401 Unauthorized")) as endpoint:
        engine = open_at(endpoint)
        results = await engine.run(records, soon())
        await engine.asking.large_model.close()

    reasons = {result.degraded for result in results if result.degraded}
    assert reasons == {"LARGE_MODEL_REFUSED"}
    assert SECRET not in repr(results)


def test_a_cascade_without_its_key_is_not_opened(fitted):
    with pytest.raises(LmRefusedError, match="environment variable MY_KEY: it holds no key"):
        open_engine(fitted, {})
