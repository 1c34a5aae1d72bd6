"""What a call costs: the gateway beside a bare server, Serve's proxy, and no server at all.

echo:  ListCascades, 64 in flight, against the gateway, a bare grpc.aio server with the same reply
       bytes, and Serve's own gRPC proxy with the same reply message
texts: Classify with 64 records a call, and with one record a call and 64 in flight, beside the
       same stage called in process

Every server and the load run on one machine in one run; figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IN_FLIGHT = 64
BATCH = 64
BATCHES_IN_FLIGHT = 3
ROUNDS = 3
ROUND_S = 4.0
METHOD = "/headgate.v1.CascadeService/ListCascades"
CLASSIFY = "/headgate.v1.ClassifierService/Classify"

CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: echo, description: "A hundred bytes or so are what a small reply of a service is."}
spec:
  domain: logs
  task: {operation: classify_lines, labels: [normal, broken]}
  artifact: ./artifact
  models: {slm: {kind: encoder, source: embedded, precision: int8, batch: {max_wait_ms: 4}}}
  flow: [{name: triage, kind: classify, model: slm}]
"""

PARTS = ("controller", "disk", "session", "router", "license", "queue", "backup", "sensor")
GOOD = ("is up again", "finished in time", "accepted the new key", "was polled by the monitor")
BAD = ("failed with a checksum error", "does not answer", "lost its peer", "ran out of memory")


def main() -> int:
    """Run one of the parts, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="not read; every bench takes it")
    parser.add_argument("--part", default="all")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--address", default="")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "all": run_all,
        "gateway": lambda: serve_gateway(arguments.folder, arguments.address),
        "proxy": lambda: serve_proxy(arguments.address),
        "bare": lambda: asyncio.run(serve_bare(arguments.folder, arguments.address)),
        "echo": lambda: asyncio.run(load(arguments.address, echo_load())),
        "batch": lambda: asyncio.run(load(arguments.address, batch_load())),
        "single": lambda: asyncio.run(load(arguments.address, single_load())),
        "inprocess": lambda: asyncio.run(run_in_process(arguments.folder)),
    }
    parts[arguments.part]()
    return 0


def lines(count: int) -> list[tuple[str, str]]:
    """Return log lines of about 20 tokens, each with its label; the same ones every time."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(count):
        broken = bool(rng.integers(2))
        event = (BAD if broken else GOOD)[rng.integers(4)]
        part, peer = PARTS[rng.integers(8)], PARTS[rng.integers(8)]
        text = f"{part}[{rng.integers(10**6)}]: {part} {event} after {peer} {rng.integers(999)}"
        found.append((text, "broken" if broken else "normal"))
    return found


# --- the servers -------------------------------------------------------------------------------


def fit(folder: Path) -> None:
    """Fit the cascade that all parts use."""
    from headgate.cascade.assemble import task_of
    from headgate.cascade.load import load_cascade
    from headgate.domains.rows import read_labelled
    from headgate.fitting.fit import Rows, fit_cascade

    (folder / "cascade.yaml").write_text(CASCADE)
    rows = [json.dumps({"line": text, "label": label}) for text, label in lines(600)]
    (folder / "labels.jsonl").write_text("\n".join(rows))
    loaded = load_cascade(folder / "cascade.yaml")
    labelled = read_labelled(folder / "labels.jsonl", task_of(loaded))
    fit_cascade(loaded, Rows(labelled[:400], labelled[400:]))


def serve_gateway(folder: Path, address: str) -> None:
    """Serve the cascade as `headgate serve` does, until standard input ends."""
    from headgate.cascade.load import load_cascade
    from headgate.serving.app import running
    from headgate.serving.cluster.settings import GatewaySettings

    with running([load_cascade(folder / "cascade.yaml")], GatewaySettings(address)):
        print(json.dumps({"ready": True, "rss_mb": rss_mb()}), flush=True)
        for _ in sys.stdin:
            print(json.dumps({"rss_mb": rss_mb()}), flush=True)


def serve_proxy(address: str) -> None:
    """Serve the same reply through Serve's own gRPC proxy, until standard input ends."""
    import ray
    from ray import serve
    from ray.serve.config import gRPCOptions

    from headgate.v1 import cascade_service_pb2

    reply = cascade_service_pb2.ListCascadesResponse.FromString(expected_reply())

    @serve.deployment(max_ongoing_requests=1000)
    class Echo:
        async def ListCascades(self, request: object) -> object:  # noqa: N802 - the RPC's name
            del request
            return reply

    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    adder = "headgate.v1.cascade_service_pb2_grpc.add_CascadeServiceServicer_to_server"
    options = gRPCOptions(port=int(address.rpartition(":")[2]), grpc_servicer_functions=[adder])
    serve.start(http_options={"host": "127.0.0.1"}, grpc_options=options)
    serve.run(Echo.bind(), name="echo", route_prefix="/")
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.read()
    serve.shutdown()
    ray.shutdown()


def expected_reply() -> bytes:
    """Return the bytes of a reply like the gateway's."""
    from headgate.v1 import cascade_service_pb2

    summary = cascade_service_pb2.CascadeSummary(
        name="echo", revision="0" * 25, description="A hundred bytes " * 4, ready=True
    )
    return cascade_service_pb2.ListCascadesResponse(cascades=[summary]).SerializeToString()


async def serve_bare(folder: Path, address: str) -> None:
    """Serve the same bytes from a grpc.aio server with nothing around it."""
    import grpc

    reply = (folder / "reply.bin").read_bytes()

    async def answer(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        del data, context
        return reply

    server = grpc.aio.server()
    service, _, method = METHOD[1:].partition("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(address)
    await server.start()
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


def rss_mb() -> float:
    """Return the resident memory of this process and all its descendants, in MB."""
    children: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            sizes[int(entry.name)] = int(stat[21]) * os.sysconf("SC_PAGE_SIZE")
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    total, waiting = 0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += sizes.get(process, 0)
        waiting += children.get(process, [])
    return total / 1e6


# --- the load ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """What is sent, how often at once, and how many texts a call has."""

    method: str
    payloads: list[bytes]
    in_flight: int
    texts: int


def echo_load() -> Load:
    """Return the load of small calls."""
    return Load(METHOD, [b""], IN_FLIGHT, 1)


def batch_load() -> Load:
    """Return the load of calls with 64 records."""
    return Load(CLASSIFY, classify_payloads(BATCH), BATCHES_IN_FLIGHT, BATCH)


def single_load() -> Load:
    """Return the load of calls with one record."""
    return Load(CLASSIFY, classify_payloads(1), IN_FLIGHT, 1)


def classify_payloads(size: int) -> list[bytes]:
    """Return requests of `size` records each, with different lines."""
    from headgate import wire
    from headgate.types import Record
    from headgate.v1 import classifier_service_pb2

    texts = [text for text, _ in lines(64 * BATCH)]
    records = [wire.record_to_wire(Record(str(i), {"line": t})) for i, t in enumerate(texts)]
    return [
        classifier_service_pb2.ClassifyRequest(
            records=records[start : start + size]
        ).SerializeToString()
        for start in range(0, len(records), size)
    ]


async def load(address: str, work: Load) -> None:
    """Send for `ROUND_S` seconds and print the rate and the latencies."""
    import grpc

    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(work.method)

        async def send(number: int) -> None:
            await call(work.payloads[number % len(work.payloads)], timeout=30)

        taken_s, elapsed_s = await closed_loop(send, work.in_flight)
    per_second = len(taken_s) / elapsed_s
    print(
        json.dumps(
            {
                "rps": per_second,
                "texts_per_s": per_second * work.texts,
                "p50_ms": float(np.percentile(taken_s, 50) * 1000),
                "p99_ms": float(np.percentile(taken_s, 99) * 1000),
            }
        )
    )


async def closed_loop(
    send: Callable[[int], Awaitable[None]], in_flight: int
) -> tuple[list[float], float]:
    """Keep `in_flight` calls going; return each one's seconds, and the seconds of all."""
    await asyncio.gather(*(send(number) for number in range(in_flight)))  # warm-up
    taken_s: list[float] = []
    started = time.perf_counter()

    async def sender(number: int) -> None:
        while time.perf_counter() - started < ROUND_S:
            begun = time.perf_counter()
            await send(number)
            taken_s.append(time.perf_counter() - begun)
            number += in_flight

    await asyncio.gather(*(sender(number) for number in range(in_flight)))
    return taken_s, time.perf_counter() - started


async def run_in_process(folder: Path) -> None:
    """Call the same stage without a server, and print the rate."""
    from headgate.cascade.load import load_cascade
    from headgate.cascade.open import open_engine
    from headgate.stages.classify import Classify
    from headgate.types import Record

    engine = open_engine(load_cascade(folder / "cascade.yaml"), {})
    await engine.warm_up()
    stage = engine.nodes[0]
    if not isinstance(stage, Classify):
        raise TypeError("The flow begins with another stage. This is a bug.")
    records = [Record(str(i), {"line": text}) for i, (text, _) in enumerate(lines(64 * BATCH))]
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]

    async def send(number: int) -> None:
        await stage.classify(batches[number % len(batches)])

    taken_s, elapsed_s = await closed_loop(send, 2)
    print(json.dumps({"texts_per_s": len(taken_s) * BATCH / elapsed_s}))


# --- all of it ---------------------------------------------------------------------------------


def run_all() -> None:
    """Start the servers, put the load on each in turn, and print the medians."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fit(folder)
        (folder / "reply.bin").write_bytes(expected_reply())
        figures = {**gateway_figures(folder), **proxy_figures(folder)}
    figures["echo_to_bare_ratio"] = figures["echo_rps_64"] / figures["bare_grpc_rps_64"]
    figures["echo_to_proxy_ratio"] = figures["echo_rps_64"] / figures["serve_proxy_rps_64"]
    for name in ("batch64", "concurrent64"):
        rate = figures[f"slm_texts_per_s_{name}"]
        figures[f"{name}_to_inprocess_ratio"] = rate / figures["inprocess_texts_per_s"]
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def gateway_figures(folder: Path) -> dict[str, float]:
    """Measure gateway, bare server and no server in turn, round by round."""
    found: dict[str, list[float]] = {}
    with (
        server("gateway", folder) as (gateway, address),
        server("bare", folder) as (_, bare_address),
    ):
        for _ in range(ROUNDS):
            echo = measured("echo", address)
            note(found, "echo_rps_64", echo["rps"])
            note(found, "echo_p50_ms", echo["p50_ms"])
            note(found, "echo_p99_ms", echo["p99_ms"])
            note(found, "bare_grpc_rps_64", measured("echo", bare_address)["rps"])
            in_process = measured("inprocess", folder=folder)
            note(found, "inprocess_texts_per_s", in_process["texts_per_s"])
            batch, single = measured("batch", address), measured("single", address)
            note(found, "slm_texts_per_s_batch64", batch["texts_per_s"])
            note(found, "slm_texts_per_s_concurrent64", single["texts_per_s"])
        note(found, "rss_mb_total", asked(gateway)["rss_mb"])
    return {name: statistics.median(values) for name, values in found.items()}


def proxy_figures(folder: Path) -> dict[str, float]:
    """Measure Serve's own gRPC proxy."""
    with server("proxy", folder) as (_, address):
        rates = [measured("echo", address)["rps"] for _ in range(ROUNDS)]
    return {"serve_proxy_rps_64": statistics.median(rates)}


def note(found: dict[str, list[float]], name: str, value: float) -> None:
    """Remember one round's figure."""
    found.setdefault(name, []).append(value)
    print(f"{name}: {value:.1f}", file=sys.stderr)


@contextlib.contextmanager
def server(part: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a part as a server and yield it with its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = start(part, "--folder", str(folder), "--address", address)
    try:
        if not answered(process).get("ready"):
            raise RuntimeError(f"{part} did not start")
        yield process, address
    finally:
        process.communicate(timeout=60)


def start(part: str, *options: str) -> subprocess.Popen[str]:
    """Start a part of this program."""
    command = [sys.executable, "-P", __file__, "--part", part, *options]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    )


def measured(part: str, address: str = "", folder: Path | None = None) -> dict[str, float]:
    """Run a load and return what it printed last."""
    options = ["--address", address] if address else ["--folder", str(folder)]
    with start(part, *options) as process:
        return answered(process)


def asked(process: subprocess.Popen[str]) -> dict[str, float]:
    """Ask a server for its figures."""
    if process.stdin is None:
        raise RuntimeError("The server has no standard input. This is a bug.")
    process.stdin.write("figures\n")
    process.stdin.flush()
    return answered(process)


def answered(process: subprocess.Popen[str]) -> dict[str, float]:
    """Return the next line that is a JSON object."""
    for line in process.stdout or ():
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                return value
    raise RuntimeError(f"{process.args} ended without figures")


if __name__ == "__main__":
    sys.exit(main())
