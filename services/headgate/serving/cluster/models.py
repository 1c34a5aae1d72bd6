"""The applications of a cascade's models that have replicas of their own.

LoadedCascade, its artifact -> an application a model: what it loads, reserves, how it scales
"""

from __future__ import annotations

from headgate.artifact import Artifact
from headgate.cascade.encoders import encoder_folder, encoder_specs
from headgate.cascade.fitted import read_fitted
from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import EncoderSpec
from headgate.serving.cluster.body import EVERY_DEPLOYMENT, JsonObject, application
from headgate.serving.cluster.ray_llm import llm_application
from headgate.serving.host import encoder_app, encoder_key
from headgate.serving.remote_large_model import (
    large_model_app,
    large_model_arguments,
    large_model_key,
)
from headgate.serving.scaling import actor_options, encoder_scaling, large_model_scaling

MOST_ONGOING = 16
"""`max_ongoing_requests` of a model's replica: more than it works on, so that no time is lost
between two, and enough for each of many gateways to have one there."""


def model_applications(loaded: LoadedCascade, artifact: Artifact) -> list[JsonObject]:
    """Return an application for each model that is placed, in the order of the file.

    Raises:
        ArtifactError: The artifact was fitted for another file.
    """
    encoders = [
        _encoder(loaded, artifact, name)
        for name, spec in encoder_specs(loaded).items()
        if spec.placement == "deployment"
    ]
    return [*encoders, *_large_models(loaded)]


def _encoder(loaded: LoadedCascade, artifact: Artifact, name: str) -> JsonObject:
    spec = encoder_specs(loaded)[name]
    options = {
        "autoscaling_config": encoder_scaling(spec),
        "max_ongoing_requests": MOST_ONGOING,
        "ray_actor_options": actor_options(spec.resources),
        **EVERY_DEPLOYMENT,
    }
    app = encoder_app(encoder_key(loaded, artifact, name))
    arguments = _encoder_arguments(loaded, artifact, name)
    return application(app, "encoder", arguments, ("Encoder", options))


def _encoder_arguments(loaded: LoadedCascade, artifact: Artifact, name: str) -> JsonObject:
    """Return what the replica loads by, and nothing else: whatever changes here restarts it."""
    spec: EncoderSpec = encoder_specs(loaded)[name]
    fitted = spec.precision == "int8" or spec.tuning is not None
    return {
        "model": {
            "source": loaded.sources[name],
            "revision": spec.revision,
            "precision": spec.precision,
            "max_tokens": spec.max_tokens,
        },
        "fingerprint": read_fitted(artifact, loaded.spec).encoders[name],
        "files": {"artifact": loaded.artifact, "folder": encoder_folder(name)} if fitted else None,
    }


def _large_models(loaded: LoadedCascade) -> list[JsonObject]:
    found = []
    for name, spec in loaded.spec.models.items():
        if isinstance(spec, RayLlmSpec):
            found.append(llm_application(loaded, name))
        elif isinstance(spec, TransformersSpec) and spec.placement == "deployment":
            found.append(_large_model(loaded, name, spec))
    return found


def _large_model(loaded: LoadedCascade, name: str, spec: TransformersSpec) -> JsonObject:
    key = large_model_key(loaded, name)
    options = {
        "autoscaling_config": large_model_scaling(spec, key),
        "max_ongoing_requests": MOST_ONGOING,
        "ray_actor_options": actor_options(spec.resources),
        **EVERY_DEPLOYMENT,
    }
    arguments = large_model_arguments(loaded, name)
    return application(large_model_app(key), "large_model", arguments, ("LargeModel", options))
