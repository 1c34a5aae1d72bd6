"""The only functions that Serve may import: each makes one kind of application.

body of a cluster: import_path, args  -> Application;  one of its applications -> Application

Files of users name no import path; the body that we write names these. Each imports what it needs
and no more: a process that runs an encoder need not load what a gateway does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headgate.errors import InputError

if TYPE_CHECKING:
    from ray.serve import Application, Deployment


def gateway(args: Mapping[str, Any]) -> Application:
    """Return the application of gateways."""
    return _gateway().bind(**args)


def encoder(args: Mapping[str, Any]) -> Application:
    """Return the application of an encoder with replicas of its own."""
    return _encoder().bind(**args)


def large_model(args: Mapping[str, Any]) -> Application:
    """Return the application of a large model whose weights are here."""
    return _large_model().bind(**args)


def application_of(described: Mapping[str, Any]) -> Application:
    """Return what `serve.run` takes of an application that a body describes.

    Serve puts the options of `deployments` over those of the builder for what comes by its REST
    API; here they are the deployment's own.

    Raises:
        InputError: It is not one of the three above.
    """
    kinds = {"gateway": _gateway, "encoder": _encoder, "large_model": _large_model}
    builder = described["import_path"].rpartition(":")[2]
    if builder not in kinds:
        problem = "a model of the engine 'ray_llm' needs a cluster with GPUs"
        raise InputError(described["name"], problem, "Use: headgate deploy.")
    return kinds[builder]().options(**described["deployments"][0]).bind(**described["args"])


def _gateway() -> Deployment:
    from ray import serve

    from headgate.serving.gateway import Gateway

    return serve.deployment(Gateway, name="Gateway")


def _encoder() -> Deployment:
    from ray import serve

    from headgate.serving.replica import EncoderReplica
    from headgate.serving.spreading import spreading

    return serve.deployment(EncoderReplica, name="Encoder", request_router_config=spreading())


def _large_model() -> Deployment:
    from ray import serve

    from headgate.serving.large_model_replica import LargeModelReplica
    from headgate.serving.spreading import spreading

    return serve.deployment(LargeModelReplica, name="LargeModel", request_router_config=spreading())
