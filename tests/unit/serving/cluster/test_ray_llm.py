"""The application of a model that Ray Serve LLM runs, as data: vLLM is not here."""

import json

import pytest

from fakes.fitted_parts import write_parts
from headgate.serving.cluster.ray_llm import llm_application, llm_base_url
from headgate.serving.remote_large_model import large_model_key

SPEC = (
    "{kind: lm, engine: ray_llm, model: org/name.v1, accelerator: L4, gpus: 2, "
    "context_tokens: 8192, replicas: {max: 4}, scaling: {busy: 0.5}}"
)


@pytest.fixture
def loaded(tmp_path):
    return write_parts(tmp_path, large_model=SPEC)


def changed(tmp_path, old, new):
    return write_parts(tmp_path, large_model=SPEC.replace(old, new))


def test_the_whole_application_is_json_and_says_what_the_file_says(loaded):
    key = large_model_key(loaded, "llm")

    application = llm_application(loaded, "llm")

    assert json.loads(json.dumps(application)) == application
    assert application["name"] == f"headgate-llm-{key}"
    assert application["route_prefix"] == f"/llm/{key}"
    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    assert application["args"]["llm_configs"] == [
        {
            "model_loading_config": {"model_id": "org/name.v1", "model_source": "org/name.v1"},
            "engine_kwargs": {"tensor_parallel_size": 2, "max_model_len": 8192},
            "accelerator_type": "L4",
            "deployment_config": {"name": key},
        }
    ]


def test_what_is_absent_is_left_to_vllm(tmp_path):
    loaded = write_parts(tmp_path, large_model="{kind: lm, engine: ray_llm, model: org/name}")

    [config] = llm_application(loaded, "llm")["args"]["llm_configs"]

    assert config["engine_kwargs"] == {"tensor_parallel_size": 1}
    assert "accelerator_type" not in config


def test_replicas_scale_by_what_is_sent_on_and_to_none(loaded):
    [deployment] = llm_application(loaded, "llm")["deployments"]

    key = large_model_key(loaded, "llm")
    scaling = deployment["autoscaling_config"]
    assert deployment["name"] == f"LLMServer:{key}"
    assert (scaling["min_replicas"], scaling["max_replicas"]) == (0, 4)
    assert scaling["policy"]["policy_kwargs"] == {"key": key, "busy": 0.5, "calls_at_once": 16}


def test_gateways_ask_the_proxy_of_their_own_node(loaded):
    key = large_model_key(loaded, "llm")

    assert llm_base_url(loaded, "llm") == f"http://127.0.0.1:8000/llm/{key}/v1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("max: 4", "max: 5", id="replicas"),
        pytest.param("busy: 0.5", "busy: 0.6", id="scaling"),
    ],
)
def test_a_change_of_scaling_does_not_load_the_weights_anew(loaded, tmp_path, old, new):
    """Serve restarts an application whose arguments change, and overrides in place."""
    before, after = (
        llm_application(loaded, "llm"),
        llm_application(changed(tmp_path, old, new), "llm"),
    )

    assert after["deployments"] != before["deployments"]
    assert {**after, "deployments": 0} == {**before, "deployments": 0}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("name.v1", "name.v2", id="model"),
        pytest.param("gpus: 2", "gpus: 4", id="gpus"),
        pytest.param("L4", "H100", id="accelerator"),
        pytest.param("8192", "4096", id="context"),
    ],
)
def test_another_model_is_another_application(loaded, tmp_path, old, new):
    other = changed(tmp_path, old, new)

    assert llm_application(other, "llm")["name"] != llm_application(loaded, "llm")["name"]


@pytest.mark.slow
def test_ray_serve_llm_takes_the_configuration(loaded):
    from ray.llm._internal.serve.core.configs.llm_config import LLMConfig

    [config] = llm_application(loaded, "llm")["args"]["llm_configs"]
    taken = LLMConfig.model_validate(config)

    assert (taken.model_id, taken.max_request_context_length) == ("org/name.v1", 8192)
    assert taken.accelerator_config.kind == "gpu"


@pytest.mark.slow
def test_serve_takes_the_application(loaded):
    from ray.serve.schema import ServeDeploySchema

    taken = ServeDeploySchema.model_validate({"applications": [llm_application(loaded, "llm")]})

    assert taken.applications[0].args == llm_application(loaded, "llm")["args"]
    [deployment] = taken.applications[0].deployments
    assert deployment.autoscaling_config["max_replicas"] == 4
