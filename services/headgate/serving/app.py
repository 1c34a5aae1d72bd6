"""Cascades on a Ray of this machine, for as long as a program runs.

loaded cascades, GatewaySettings -> body of a cluster -> serve.run: models, gateway -> drained
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
from pathlib import Path

from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.load import LoadedCascade
from headgate.errors import UnavailableError
from headgate.serving.builders import application_of
from headgate.serving.cluster.body import GATEWAY_APP, cluster_body
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.serving.host import check_names


@contextlib.contextmanager
def running(
    cascades: Sequence[LoadedCascade], settings: GatewaySettings, *, verbose: bool = False
) -> Iterator[None]:
    """Serve cascades on a Ray of this machine until the block is left; then drain.

    Args:
        cascades: What to serve; each is fitted.
        settings: Where the gateway listens and keeps things.
        verbose: Whether Ray and the replicas may log to this process's streams.

    Raises:
        InputError: Two cascades have one name.
        ArtifactError: A cascade is not fitted, or for another file.
        UnavailableError: The port is taken, or Ray or the applications did not come up.
    """
    check_fitted(cascades)
    for address in filter(None, (settings.address, settings.metrics_address)):
        check_port_free(address)
    try:
        _start_ray(verbose=verbose)
        deploy(cascades, settings)
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


def deploy(cascades: Sequence[LoadedCascade], settings: GatewaySettings) -> None:
    """Run the models with replicas of their own, then the gateway, and wait for them.

    Raises:
        InputError: A large model is of an engine that needs a cluster.
        UnavailableError: One of them did not come up.
    """
    from ray import serve

    gateway, *models = cluster_body(cascades, settings)["applications"]
    try:
        for each in (*models, gateway):
            serve.run(application_of(each), name=each["name"], route_prefix=None)
    except (RuntimeError, TimeoutError) as error:
        raise UnavailableError(
            "Ray Serve", "the applications did not come up", "See the log of the replicas."
        ) from error
