"""The large models of a gateway: which are asked here, and which elsewhere."""

import pytest

from fakes.fitted_parts import write_parts
from fakes.openai_endpoint import FakeEndpoint, says_label
from fakes.tiny_causal_lm import write_scripted_lm
from headgate.errors import ModelError
from headgate.lm.decide import LmRequest
from headgate.serving.demand_board import DemandReporter
from headgate.serving.large_models import open_served_model
from headgate.serving.remote_large_model import (
    large_model_app,
    large_model_arguments,
    large_model_key,
    placed_models,
)
from headgate.types import Deadline

QUESTION = LmRequest("r1", "Sort the line.", {"message": "disk full"}, ("disk", "net"))
LOCAL = "{{kind: lm, engine: transformers, source: {source}, precision: float32, {more}}}"
IN_CLUSTER = "{kind: lm, engine: ray_llm, model: org/name}"


def parts(folder, source="/nowhere", more="placement: deployment"):
    return write_parts(folder, large_model=LOCAL.format(source=source, more=more))


def opened(loaded, environment=None):
    reporter = DemandReporter()
    return open_served_model(loaded, "llm", environment or {}, reporter.meter), reporter


async def test_a_model_in_the_cluster_is_asked_where_the_environment_says(tmp_path):
    loaded = write_parts(tmp_path, large_model=IN_CLUSTER)
    async with FakeEndpoint(says_label("disk")) as endpoint:
        model, reporter = opened(loaded, {"HEADGATE_RAY_LLM_URL": endpoint.base_url})
        answer = await model.complete_one(QUESTION, Deadline.after(30))
        await model.close()

    meter = reporter.meter(large_model_key(loaded, "llm"))
    assert answer.value.answer == "disk"
    assert meter.demand().per_s > 0


async def test_placed_weights_are_not_needed_where_the_gateway_is(tmp_path):
    model, reporter = opened(parts(tmp_path))

    assert model.name == "/nowhere"
    assert reporter.meter(large_model_key(parts(tmp_path), "llm")).demand().under_way == 0
    await model.close()


def test_weights_in_the_gateway_are_loaded_before_the_first_call(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"x")

    with pytest.raises(ModelError, match="cannot be loaded"):
        opened(parts(tmp_path, tmp_path, "placement: inline"))


@pytest.mark.slow
async def test_weights_in_the_gateway_answer(tmp_path):
    source = write_scripted_lm(tmp_path / "m", ('{"reason":"seen","label":"', "disk", '"}'))
    model, _ = opened(parts(tmp_path, source, "placement: inline"))

    answer = await model.complete_one(QUESTION, Deadline.after(60))

    assert answer.value.answer == "disk"
    await model.close()


async def test_recorded_answers_are_read_here(tmp_path):
    model, _ = opened(write_parts(tmp_path))

    assert model.recorded
    await model.close()


def test_only_models_with_replicas_of_their_own_are_placed(tmp_path):
    assert list(placed_models(parts(tmp_path))) == ["llm"]
    assert placed_models(parts(tmp_path, more="placement: inline")) == {}
    assert list(placed_models(write_parts(tmp_path, large_model=IN_CLUSTER))) == ["llm"]
    assert placed_models(write_parts(tmp_path)) == {}


def test_cascades_that_mean_the_same_weights_share_their_replicas(tmp_path):
    one = parts(tmp_path / "a", more="max_output_tokens: 9, replicas: {max: 3}")
    other = parts(tmp_path / "b", more="timeout_s: 9, scaling: {busy: 0.5}")

    assert large_model_key(one, "llm") == large_model_key(other, "llm")
    assert large_model_arguments(one, "llm") == large_model_arguments(other, "llm")


@pytest.mark.parametrize(
    ("source", "more"),
    [
        pytest.param("/elsewhere", "max_output_tokens: 9", id="source"),
        pytest.param("./nowhere", "max_output_tokens: 9", id="folder"),
        pytest.param("org/name", "revision: abc", id="revision"),
    ],
)
def test_other_weights_have_other_replicas(tmp_path, source, more):
    key = large_model_key(parts(tmp_path), "llm")

    assert large_model_key(parts(tmp_path, source, more), "llm") != key


def test_a_replica_is_made_with_what_decides_its_weights_and_nothing_else(tmp_path):
    loaded = parts(tmp_path, "./weights", "resources: {gpu: 1}")

    assert large_model_arguments(loaded, "llm") == {
        "source": str(tmp_path / "weights"),
        "revision": None,
        "precision": "float32",
    }
    assert large_model_app("abc") == "headgate-lm-abc"


@pytest.mark.parametrize("large_model", [IN_CLUSTER])
def test_a_model_that_ray_serve_llm_runs_has_no_replica_of_ours(tmp_path, large_model):
    with pytest.raises(TypeError, match="This is a bug"):
        large_model_arguments(write_parts(tmp_path, large_model=large_model), "llm")
