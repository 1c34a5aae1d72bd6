"""The large models of a gateway: asked elsewhere in the cluster where the file says so.

LoadedCascade, name -> engine, metered where its replicas come and go -> LargeModel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headgate.cascade.large_models import (
    RAY_LLM_URL,
    lm_specs,
    open_large_model,
    place_of,
    ray_llm_engine,
    transformers_engine,
    wrap_engine,
)
from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.cascade.load import LoadedCascade
from headgate.lm.large_model import LargeModel
from headgate.serving.cluster.ray_llm import llm_base_url
from headgate.serving.demand import Meter
from headgate.serving.remote_large_model import (
    MeteredEngine,
    RemoteLargeModelEngine,
    large_model_key,
)


def open_served_model(
    loaded: LoadedCascade,
    name: str,
    environment: Mapping[str, str],
    meter: Callable[[str], Meter],
) -> LargeModel:
    """Return a large model, ready to be asked by a gateway.

    Weights that are placed inline are loaded now: a first call would wait for them otherwise.

    Args:
        loaded: The cascade.
        name: The model's name in it.
        environment: Where keys and addresses are looked up.
        meter: Returns the meter of a placed model by its key.

    Raises:
        LmRefusedError: The key is not where the file says.
        InputError: Recordings or an address are wrong.
        ModelError: Weights that are placed inline cannot be loaded.
    """
    spec = lm_specs(loaded)[name]
    if isinstance(spec, RayLlmSpec):
        base_url = environment.get(RAY_LLM_URL) or llm_base_url(loaded, name)
        key = large_model_key(loaded, name)
        engine = MeteredEngine(ray_llm_engine(spec, base_url), spec, meter(key))
        return wrap_engine(spec, engine, limited=True)
    if isinstance(spec, TransformersSpec):
        return _transformers(loaded, name, spec, meter)
    return open_large_model(spec, place_of(loaded, name), environment)


def _transformers(
    loaded: LoadedCascade, name: str, spec: TransformersSpec, meter: Callable[[str], Meter]
) -> LargeModel:
    if spec.placement == "deployment":
        key = large_model_key(loaded, name)
        return wrap_engine(spec, RemoteLargeModelEngine(spec, key, meter(key)), limited=True)
    engine = transformers_engine(spec, place_of(loaded, name))
    engine.load()
    return wrap_engine(spec, engine)
