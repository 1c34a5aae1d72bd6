"""A large model that Ray Serve LLM runs with vLLM: an application of its own, reached by HTTP.

RayLlmSpec, key -> application for the Serve REST API; key -> address of its /v1

Nothing here imports Ray Serve LLM, which needs vLLM: the nodes that run it do.
"""

from __future__ import annotations

from typing import Any

from headgate.cascade.lm_spec import RayLlmSpec
from headgate.cascade.load import LoadedCascade
from headgate.serving.remote_large_model import large_model_key, placed_models
from headgate.serving.scaling import large_model_scaling

PROXY_ADDRESS = "127.0.0.1:8000"
"""Serve's HTTP proxy, which listens on loopback wherever a replica runs."""
INGRESS_CPUS = 0.25
"""It hands texts on; Serve's default of a whole core would not fit beside the weights."""


def llm_application(loaded: LoadedCascade, name: str) -> dict[str, Any]:
    """Return the whole application that runs a model of engine `ray_llm`.

    What may change while it runs is in `deployments`: a change of `args` loads the weights anew.
    """
    spec, key = _spec(loaded, name), large_model_key(loaded, name)
    return {
        "name": f"headgate-llm-{key}",
        "route_prefix": f"/llm/{key}",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [_llm_config(spec, key)], "ingress_deployment_config": _INGRESS},
        "deployments": [
            {"name": _server(key), "autoscaling_config": large_model_scaling(spec, key)}
        ],
    }


def llm_base_url(loaded: LoadedCascade, name: str) -> str:
    """Return where gateways reach it, up to and including `/v1`: the proxy of their own node."""
    return f"http://{PROXY_ADDRESS}/llm/{large_model_key(loaded, name)}/v1"


_INGRESS: dict[str, Any] = {
    # One stays while the model itself has no replica: a first call would wait for both otherwise.
    "autoscaling_config": {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 256},
    "ray_actor_options": {"num_cpus": INGRESS_CPUS},
}


def _llm_config(spec: RayLlmSpec, key: str) -> dict[str, Any]:
    """Return an `LLMConfig` of ray.serve.llm."""
    engine: dict[str, Any] = {"tensor_parallel_size": spec.gpus}
    if spec.context_tokens is not None:
        engine["max_model_len"] = spec.context_tokens
    config: dict[str, Any] = {
        "model_loading_config": {"model_id": spec.model, "model_source": spec.model},
        "engine_kwargs": engine,
        "deployment_config": {"name": key},
    }
    if spec.accelerator is not None:
        config["accelerator_type"] = spec.accelerator
    return config


def _server(key: str) -> str:
    """Return what Ray Serve LLM calls the deployment with the weights."""
    return f"LLMServer:{key}"


def _spec(loaded: LoadedCascade, name: str) -> RayLlmSpec:
    spec = placed_models(loaded)[name]
    if not isinstance(spec, RayLlmSpec):
        raise TypeError(f"{name!r} is not run by Ray Serve LLM. This is a bug.")
    return spec
