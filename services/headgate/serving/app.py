"""Cascades as Ray Serve applications.

loaded cascades, address -> an application for each placed encoder, and the gateway -> running
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.artifact import Artifact
from headgate.cascade.encoders import encoder_specs
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.load import LoadedCascade, inline
from headgate.cascade.model_spec import EncoderSpec
from headgate.errors import UnavailableError
from headgate.serving.flags import SERVE_FLAGS
from headgate.serving.gateway import Gateway
from headgate.serving.host import check_names, encoder_app, encoder_key
from headgate.serving.replica import EncoderReplica

if TYPE_CHECKING:
    from ray.serve import Application

GATEWAY_APP = "headgate"
GATEWAY_CPUS = 0.1
"""The gateway's share of Ray's bookkeeping; its inline models use what the machine has."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a gateway listens and keeps things."""

    address: str
    """`host:port` of the gateway."""
    state_dir: str = ""
    """Of decisions and states of certificates; only cascades with audits write there."""
    metrics_address: str = ""
    """`host:port` for Prometheus; empty for none."""


@contextlib.contextmanager
def running(
    cascades: Sequence[LoadedCascade], places: Places, *, verbose: bool = False
) -> Iterator[None]:
    """Serve cascades on a Ray of this machine until the block is left; then drain.

    Args:
        cascades: What to serve; each is fitted.
        places: Where.
        verbose: Whether Ray and the replicas may log to this process's streams.

    Raises:
        InputError: Two cascades have one name.
        ArtifactError: A cascade is not fitted, or for another file.
        UnavailableError: The port is taken, or Ray or the applications did not come up.
    """
    check_fitted(cascades)
    for address in filter(None, (places.address, places.metrics_address)):
        check_port_free(address)
    try:
        _start_ray(verbose=verbose)
        deploy(cascades, places)
        yield
    finally:
        _stop_ray()


def check_fitted(cascades: Sequence[LoadedCascade]) -> None:
    """Open every artifact, so that a mistake is said before a cluster is started.

    Raises:
        InputError: Two cascades have one name.
        ArtifactError: The first one that is missing, altered or for another file.
    """
    check_names(cascades)
    for loaded in cascades:
        read_fitted(Artifact.open(loaded.artifact, kind=KIND), loaded.spec)


def check_port_free(address: str) -> None:
    """Refuse a port that somebody listens on.

    gRPC would share it: the kernel then gives part of the calls to the other process.

    Raises:
        UnavailableError: It is taken, or no address of this machine.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, int(port)), family=family):
            pass
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        problem = (
            "something listens there already" if taken else f"no place to listen ({error.strerror})"
        )
        raise UnavailableError(
            address, problem, "Stop it, or choose another host or port."
        ) from error


def _start_ray(*, verbose: bool) -> None:
    """Start Ray and Serve on this machine.

    Raises:
        UnavailableError: Ray does not start here.
    """
    for name, value in SERVE_FLAGS.items():
        os.environ.setdefault(name, value)
    import ray
    from ray import serve

    level = "INFO" if verbose else "CRITICAL"
    logging.getLogger("ray.serve").setLevel(level)
    try:
        with _own_sigterm():
            # `local`: a bare init would join any cluster it finds.
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=verbose,
                logging_level=level,
            )
        _protect_token()
        # HTTP is bound to loopback and has no proxy: callers come through the gateway.
        serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
    except (RuntimeError, OSError) as error:
        problem = f"it did not start ({type(error).__name__})"
        raise UnavailableError("Ray", problem, "See its log below /tmp/ray.") from error


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM: `ray.init` puts its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:  # what Ray's own handler raises
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGTERM, handler or signal.SIG_DFL)


def _stop_ray() -> None:
    """Delete the applications, which drains them, and end Ray."""
    import ray
    from ray import serve

    try:
        if ray.is_initialized():
            # Not serve.shutdown: its controller dies in the middle of that call, and Ray then
            # reports a failed task. The gateway goes first, for it calls the encoders.
            names = sorted(serve.status().applications, key=lambda name: name != GATEWAY_APP)
            for name in names:
                serve.delete(name)
    finally:
        ray.shutdown()


def _protect_token() -> None:
    """Take other users' right to read the token that Ray wrote for its processes."""
    token = Path.home() / ".ray" / "auth_token"
    with contextlib.suppress(OSError):
        token.chmod(stat.S_IRUSR | stat.S_IWUSR)


def deploy(cascades: Sequence[LoadedCascade], places: Places) -> None:
    """Run an application for each placed encoder, then the gateway, and wait for them.

    Raises:
        UnavailableError: One of them did not come up.
    """
    from ray import serve

    try:
        for name, application in encoder_applications(cascades).items():
            serve.run(application, name=name, route_prefix=None)
        serve.run(gateway_application(cascades, places), name=GATEWAY_APP, route_prefix=None)
    except (RuntimeError, TimeoutError) as error:
        raise UnavailableError(
            "Ray Serve", "the applications did not come up", "See the log of the replicas."
        ) from error


def gateway_application(cascades: Sequence[LoadedCascade], places: Places) -> Application:
    """Return the gateway's application; cascades travel in its `user_config`."""
    from ray import serve

    deployment = serve.deployment(
        Gateway,
        name="Gateway",
        num_replicas=1,
        user_config={"cascades": [inline(loaded) for loaded in cascades]},
        ray_actor_options={"num_cpus": GATEWAY_CPUS},
        health_check_period_s=2,
        health_check_timeout_s=10,
    )
    return deployment.bind(places.address, places.state_dir, places.metrics_address)


def encoder_applications(cascades: Sequence[LoadedCascade]) -> dict[str, Application]:
    """Return an application for each encoder with `placement: deployment`, each once."""
    found: dict[str, Application] = {}
    for loaded in cascades:
        placed = {n: s for n, s in encoder_specs(loaded).items() if s.placement == "deployment"}
        if placed:
            artifact = Artifact.open(loaded.artifact, kind=KIND)
            for model, spec in placed.items():
                app = encoder_app(encoder_key(loaded, artifact, model))
                found[app] = _encoder_application(loaded, model, spec)
    return found


def _encoder_application(loaded: LoadedCascade, model: str, spec: EncoderSpec) -> Application:
    from ray import serve

    options: dict[str, Any] = {"num_cpus": spec.resources.cpu, "num_gpus": spec.resources.gpu}
    if spec.resources.memory_mb is not None:
        options["memory"] = spec.resources.memory_mb * 1024 * 1024
    deployment = serve.deployment(
        EncoderReplica,
        name="Encoder",
        num_replicas=spec.replicas.min,
        # A micro-batch is one request to Serve: two at work, two waiting.
        max_ongoing_requests=4,
        ray_actor_options=options,
        health_check_period_s=2,
        health_check_timeout_s=10,
    )
    return deployment.bind(inline(loaded), model)
