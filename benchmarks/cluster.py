"""What happens on a cluster when it is deployed to, loaded, changed and broken.

a Ray of several nodes on this machine, stubs that take a fixed time in the place of both models,
gateways and everything else as they are  ->  seconds, failed requests, throughput by nodes

Callers are clients as backends use them, with their retries, one record a call. Where throughput is
measured each asks again at once; elsewhere many ask now and then, as many processes do, so that
those who wait for the large model keep no others from asking. A request has failed when it brought
no answer; an answer of the small tier where the large one was out of reach is counted apart, as
degraded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# The stubs and the cluster are those of the tests.
sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fakes.callers import Call, Load, failed, longest_gap_s, per_second
from fakes.ray_cluster import NodeKind, free_port, ray_nodes
from fakes.stub_models import ANOTHER, ENCODER_S, LARGE_MODEL_S, VECTORS
from fakes.stubbed_cascade import fit_stubbed
from fakes.stubbed_cluster import StubbedClient, StubbedCluster
from headgate.client import Client
from headgate.types import Record, Tier

ENCODER_TEXT_S, LARGE_MODEL_CALL_S = 0.04, 0.2
NODES = 3
NODE = NodeKind(cpus=5)
"""Room for one encoder, which takes three, a large model or two, and a gateway."""
CALLERS_A_NODE = 48
CALLERS, EVERY_S = 100, 6.0
"""Some 17 calls a second, and work for one large model; twice as many are work for two. All nodes
are simulated on one machine: more calls would take its cores from the processes that start."""
FIRST_S = 15.0
"""In which a first large model is there, before twice as many ask."""
COPIES = 50
THROUGHPUT_S = 8.0
ROUNDS = 3
KILLS = ("Encoder", "Gateway", "LargeModel", "Encoder", "Gateway")
REQUESTS = 2_000
AFTER_S = 15.0
REPLICAS = "replicas: {{min: {0}, max: {0}}}"
CPUS = "resources: {{cpu: {}}}"
SCALING = (
    "replicas: {min: 0, max: 3}\n      scaling: {up_after_s: 0.5, down_after_s: 5, zero_after_s: 5}"
)

Figures = dict[str, object]


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="not read; every bench takes it")
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        say("fitting")
        encoder = f"{REPLICAS.format(1)}\n      {CPUS.format(3)}"
        cascade = fit_stubbed(Path(folder), encoder=encoder, large_model=SCALING)
        times = {ENCODER_S: str(ENCODER_TEXT_S), LARGE_MODEL_S: str(LARGE_MODEL_CALL_S)}
        head = NodeKind(cpus=1)
        with (
            ray_nodes(head, NODE, **times, **{VECTORS: str(cascade.vectors)}) as nodes,
            StubbedClient(nodes.dashboard) as client,
        ):
            cluster = StubbedCluster(nodes, client, cascade, free_port(), say)
            print(json.dumps(measured(cluster)))
    return 0


def say(line: str) -> None:
    """Print progress, which is not the result."""
    print(line, file=sys.stderr, flush=True)


def measured(cluster: StubbedCluster) -> Figures:
    """Return all figures, in the order in which things are done to the cluster."""
    report: Figures = {}
    steps: Sequence[Callable[[StubbedCluster], Figures]] = (
        first_deployment,
        throughput,
        change_in_place,
        large_model_from_zero,
        replica_kills,
        node_kill,
        rolling_update,
    )
    for step in steps:
        found = step(cluster)
        say(f"{step.__name__}: {json.dumps(found)}")
        report.update(found)
    return report


def first_deployment(cluster: StubbedCluster) -> Figures:
    """Return the seconds from nothing to the first answer; Serve is started in them."""
    started = time.monotonic()
    cluster.deploy(cluster.cascade.loaded, gateways=1)
    with Client(cluster.address, timeout_s=30) as client:
        client.wait_until_ready(30)
    return {"deploy_to_ready_s": round(time.monotonic() - started, 2)}


def throughput(cluster: StubbedCluster) -> Figures:
    """Return answers a second with as many replicas and gateways as there are nodes."""
    kept = kept_records(cluster)
    found: list[float] = []
    for count in range(1, NODES + 1):
        if count > 1:
            cluster.nodes.add(NODE)
            change = REPLICAS.format(count - 1), REPLICAS.format(count)
            cluster.deploy(cluster.cascade.changed(*change), gateways=count)
            cluster.wait_for("Encoder", count)
            cluster.wait_for("Gateway", count)
        found.append(median_rate(cluster, kept, CALLERS_A_NODE * count))
    return {
        "throughput_per_s": [round(each, 1) for each in found],
        "throughput_ratio_at_3": round(found[-1] / found[0], 2),
    }


def median_rate(cluster: StubbedCluster, records: Sequence[Record], callers: int) -> float:
    """Return answers a second, the median of several spans under one load."""
    with Load(cluster.address, records, callers) as load:
        time.sleep(2.0)  # connections, first batches
        started = time.monotonic()
        time.sleep(ROUNDS * THROUGHPUT_S)
        calls = load.stop()
    starts = [started + number * THROUGHPUT_S for number in range(ROUNDS)]
    return statistics.median(per_second(calls, each, each + THROUGHPUT_S) for each in starts)


def kept_records(cluster: StubbedCluster) -> list[Record]:
    """Return many records that the small model is sure of.

    No two are equal: a batch embeds equal texts once, and would be done sooner.
    """
    first, *others = (copies(cluster.cascade.records, number) for number in range(COPIES))
    with Client(cluster.address, timeout_s=60) as client:
        tiers = [each.tier for each in client.explain_cascade(first)]
    kept = [place for place, tier in enumerate(tiers) if tier is Tier.SMALL]
    return [copied[place] for copied in (first, *others) for place in kept]


def copies(records: Sequence[Record], number: int) -> list[Record]:
    """Return the records with other texts that mean the same."""
    return [
        Record(f"{each.id}-{number}", {"line": f"{each.fields['line']}{ANOTHER}{number}"})
        for each in records
    ]


def change_in_place(cluster: StubbedCluster) -> Figures:
    """Return the seconds until another prompt is in force at every gateway."""
    kinds = ("Gateway", "Encoder")
    before, pids = cluster.revision(), [cluster.pids(kind) for kind in kinds]
    prompt = cluster.cascade.loaded.base_dir / "decide.md"
    prompt.write_text(prompt.read_text(encoding="utf-8") + "Be strict.\n", encoding="utf-8")
    started = time.monotonic()
    cluster.deploy(cluster.cascade.changed("", ""), gateways=NODES)
    cluster.wait_for_revision(before)
    elapsed_s = time.monotonic() - started
    same = pids == [cluster.pids(kind) for kind in kinds]
    return {"in_place_change_s": round(elapsed_s, 2), "in_place_same_pids": same}


def large_model_from_zero(cluster: StubbedCluster) -> Figures:
    """Return the seconds to the large model's first answer, to a second one, and to none again."""
    cluster.wait_for("LargeModel", 0)
    records = cluster.cascade.records
    with Load(cluster.address, records, CALLERS, EVERY_S) as load:
        time.sleep(FIRST_S)
        with Load(cluster.address, records, CALLERS, EVERY_S) as more:
            more_s = cluster.wait_for("LargeModel", 2)
            calls = [*load.stop(), *more.stop()]
        ended = time.monotonic()
    first = min(each.ended_s for each in calls if each.tier == Tier.LARGE.value)
    cluster.wait_for("LargeModel", 0)
    return {
        "scale_up_s": round(first - min(each.started_s for each in calls), 2),
        "scale_up_to_2_s": round(more_s, 2),
        "scale_up_failed": failed(calls),
        "scale_down_s": round(time.monotonic() - ended, 2),
    }


def replica_kills(cluster: StubbedCluster) -> Figures:
    """Return what callers saw while one replica after another was killed."""
    with Load(cluster.address, cluster.cascade.records, CALLERS, EVERY_S) as load:
        for number, kind in enumerate(KILLS, start=1):
            load.wait_for(number * REQUESTS // (len(KILLS) + 1))
            cluster.kill(kind)
        load.wait_for(REQUESTS)
        calls = load.stop()
    return told("replica_kill", calls, kills=len(KILLS))


def node_kill(cluster: StubbedCluster) -> Figures:
    """Return what callers saw of a node that was gone from one moment to the next."""
    cluster.wait_for("Encoder", NODES)
    cluster.wait_for("Gateway", NODES)
    with Load(cluster.address, cluster.cascade.records, CALLERS, EVERY_S) as load:
        time.sleep(3.0)
        killed = time.monotonic()
        cluster.nodes.kill(0)
        time.sleep(AFTER_S)
        calls = load.stop()
    gap_s = longest_gap_s(calls, killed - 1, killed + AFTER_S)
    cluster.nodes.add(NODE)
    restored_s = cluster.wait_for("Encoder", NODES)
    figures = told("node_kill", calls)
    return {
        **figures,
        "node_kill_longest_gap_s": round(gap_s, 2),
        "node_kill_restored_s": round(restored_s, 2),
    }


def rolling_update(cluster: StubbedCluster) -> Figures:
    """Return what callers saw while all encoders, then all gateways, were replaced."""
    cluster.wait_for("Gateway", NODES)
    before = cluster.pids("Encoder")
    with Load(cluster.address, cluster.cascade.records, CALLERS, EVERY_S) as load:
        time.sleep(2.0)
        started = time.monotonic()
        loaded = cluster.cascade.changed(CPUS.format(3), CPUS.format(2.9))
        cluster.deploy(loaded, gateways=NODES)
        elapsed_s = time.monotonic() - started
        time.sleep(2.0)
        calls = load.stop()
    replaced = not before & cluster.pids("Encoder")
    return {
        **told("rolling_update", calls),
        "rolling_update_s": round(elapsed_s, 2),
        "rolling_update_replaced": replaced,
    }


def told(name: str, calls: Sequence[Call], **more: object) -> Figures:
    """Return how many requests there were, and what became of them."""
    slowest_s = max(each.ended_s - each.started_s for each in calls)
    kinds = sorted({each.failure for each in calls if each.failure})
    return {
        f"failed_requests_{name}": failed(calls),
        f"{name}_requests": len(calls),
        f"{name}_degraded": sum(bool(each.degraded) for each in calls),
        f"{name}_slowest_s": round(slowest_s, 2),
        **({f"{name}_failures": kinds} if kinds else {}),
        **{f"{name}_{key}": value for key, value in more.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
