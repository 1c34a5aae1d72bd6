"""`headgate serve`: fitted cascades behind one port of this machine, until it is told to stop.

FILE... -> Ray on this machine -> gateway -> SIGINT | SIGTERM -> drained -> exit 0
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.options import CascadeFiles, StateDir, state_directory
from headgate.cli.output import note
from headgate.cli.session import Session
from headgate.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from headgate.cascade.load import LoadedCascade

READY_TIMEOUT_S = 10.0
"""For the first answer of a gateway that Ray calls ready."""


def serve(
    context: typer.Context,
    files: CascadeFiles,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 50051,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve without encryption beyond this machine.")
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of metrics for Prometheus; none when absent."),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Serve fitted cascades over gRPC on a Ray of this machine, until Ctrl-C or SIGTERM.

    Then calls at work are answered and the exit code is 0; a second signal ends it at once.
    """
    from headgate.cascade.load import load_cascade

    address = listening_address(host, port, insecure=insecure)
    metrics = listening_address(host, metrics_port, insecure=insecure) if metrics_port else ""
    cascades = [load_cascade(file) for file in files]
    debug = context.ensure_object(Session).debug
    names = ", ".join(loaded.name for loaded in cascades)
    with stop_signal() as wait_for_stop:
        started = time.perf_counter()
        note(f"starting {names} on {address}, without encryption; Ctrl-C stops it")
        asyncio.run(_check_large_models(cascades))
        with _running(cascades, (address, str(state_directory(state_dir)), metrics), debug=debug):
            _check_ready(address)
            note(f"serving {names} on {address} (ready in {time.perf_counter() - started:.1f} s)")
            wait_for_stop()
            note("draining")
    note("stopped")


def listening_address(host: str, port: int, *, insecure: bool) -> str:
    """Return `host:port`; beyond this machine only when the operator says so."""
    if not (insecure or _is_loopback(host)):
        raise InputError(
            f"--host {host}",
            "others could reach it, and nothing is encrypted",
            "Add --insecure where the network is trusted, or serve on 127.0.0.1.",
        )
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return host == "localhost"


@contextlib.contextmanager
def stop_signal() -> Iterator[Callable[[], None]]:
    """Yield what waits for SIGINT or SIGTERM; a second one raises KeyboardInterrupt.

    It waits on a pipe: a signal that comes just before the wait for a lock would not end that.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    handlers = {each: signal.signal(each, receive) for each in (signal.SIGINT, signal.SIGTERM)}
    earlier = signal.set_wakeup_fd(writer)
    try:
        yield lambda: _wait_for_byte(reader)
    finally:
        signal.set_wakeup_fd(earlier)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        os.close(reader)
        os.close(writer)


def _wait_for_byte(reader: int) -> None:
    os.read(reader, 1)


@contextlib.contextmanager
def _running(
    cascades: Sequence[LoadedCascade], places: tuple[str, str, str], *, debug: bool
) -> Iterator[None]:
    """Serve; what Ray prints goes to stderr with --debug, and nowhere without."""
    from headgate.serving.app import running
    from headgate.serving.cluster.settings import GatewaySettings

    with contextlib.ExitStack() as stack:
        sink = sys.stderr if debug else stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(sink))
        stack.enter_context(running(cascades, GatewaySettings(*places), verbose=debug))
        yield


async def _check_large_models(cascades: Sequence[LoadedCascade]) -> None:
    """Open the large models as the gateway will, so that a missing key is said at once."""
    from headgate.cascade.open import open_large_models

    for loaded in cascades:
        for model in open_large_models(loaded, os.environ).values():
            await model.close()


def _check_ready(address: str) -> None:
    """Refuse to go on with a cascade that cannot answer.

    Raises:
        UnavailableError: There is one; with what keeps it.
    """
    from headgate.client import Client

    with Client(address, timeout_s=READY_TIMEOUT_S) as client:
        for each in client.list_cascades():
            if not each.ready:
                problem = f"it cannot answer ({each.problem.rstrip('.')})"
                raise UnavailableError(
                    f"cascade {each.name!r}", problem, "Correct that and start again."
                )
