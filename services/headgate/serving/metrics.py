"""Metrics of a gateway for Prometheus, read off its engines and guards when they are asked for.

Host -> guarantee, audits, budget of each cascade -> text of the exposition format on one port

Labels are from closed sets: cascades, tiers, states. Never an id, a record or a caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headgate.cascade.engine import Engine
from headgate.gate.budget import Snapshot
from headgate.serving.guard import Guard
from headgate.serving.host import Host
from headgate.types import GuaranteeState

log = logging.getLogger(__name__)

_Pair = tuple[str, float]
"""A cascade's name and its value."""


class HostCollector(Collector):
    """Reads the cascades of one host at each scrape."""

    def __init__(self, host: Host) -> None:
        """Take the host; nothing is read yet."""
        self._host = host

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with a sample a cascade."""
        yield self._states()
        yield from _guards([(each.name, each.guard) for each in self._host.hosted if each.guard])
        yield from _budgets(list(self._snapshots()))

    def _engines(self) -> Iterator[tuple[str, Engine]]:
        for hosted in self._host.hosted:
            if hosted.engine is not None:
                yield hosted.name, hosted.engine

    def _states(self) -> Metric:
        family = GaugeMetricFamily(
            "headgate_guarantee_state",
            "1 for the state the certificate of a cascade is in.",
            labels=["cascade", "state"],
        )
        for name, engine in self._engines():
            for state in GuaranteeState:
                family.add_metric([name, state], float(engine.guarantee.state is state))
        return family

    def _snapshots(self) -> Iterator[tuple[str, Snapshot]]:
        for name, engine in self._engines():
            if engine.units.purse.governor is not None:
                yield name, engine.units.purse.governor.snapshot()


def _guards(guards: list[tuple[str, Guard]]) -> Iterator[Metric]:
    told = [(name, guard.status) for name, guard in guards if guard.status is not None]
    yield _gauge(
        "headgate_guarantee_margin_ratio",
        "How far the risk monitor is from its alarm: 1 no evidence, 0 alarm.",
        [(name, max(0.0, 1 - status.risk_evidence)) for name, status in told],
    )
    yield _gauge(
        "headgate_score_drift_ratio",
        "How near the monitor of score drift is to its alarm, which is at 1.",
        [(name, status.score_evidence) for name, status in told],
    )
    yield _counter(
        "headgate_audits",
        "Answers of the small model that the large one has checked.",
        [(name, status.audits) for name, status in told],
    )
    yield _counter(
        "headgate_audit_disagreements",
        "Audits in which the large model said something else.",
        [(name, status.disagreements) for name, status in told],
    )
    yield _counter(
        "headgate_audits_skipped",
        "Audits that were drawn and not made: no budget, no answer, or too many waiting.",
        [(name, guard.skipped) for name, guard in guards],
    )


def _budgets(snapshots: list[tuple[str, Snapshot]]) -> Iterator[Metric]:
    def each(read: Callable[[Snapshot], float]) -> list[_Pair]:
        return [(name, read(snapshot)) for name, snapshot in snapshots]

    yield _gauge(
        "headgate_budget_spent_dollars",
        "Spent and reserved on the large model since the start, audits included.",
        each(lambda found: found.answers.usd + found.audits.usd),
    )
    # No counter: what a cache answers is given back, and a counter that falls looks like a restart.
    yield _gauge(
        "headgate_budget_calls",
        "Calls of the large model that the budget paid for since the start, audits included.",
        each(lambda found: found.answers.calls + found.audits.calls),
    )
    yield _counter(
        "headgate_budget_exhausted",
        "Calls that the certificate asked for and the budget could not pay.",
        each(lambda found: found.exhausted),
    )


def _gauge(name: str, text: str, samples: Iterable[_Pair]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["cascade"])
    for cascade, value in samples:
        family.add_metric([cascade], value)
    return family


def _counter(name: str, text: str, samples: Iterable[_Pair]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["cascade"])
    for cascade, value in samples:
        family.add_metric([cascade], value)
    return family


def serve_metrics(host: Host, address: str) -> Callable[[], None]:
    """Serve the metrics of a host; return what stops it.

    A second gateway of a node finds the port taken: it logs that and goes on without.

    Args:
        host: The cascades.
        address: `host:port` to listen on.
    """
    name, _, port = address.rpartition(":")
    registry = CollectorRegistry()
    registry.register(HostCollector(host))
    try:
        server, thread = start_http_server(int(port), name.strip("[]"), registry)
    except OSError as error:
        log.error("metrics_not_served address=%s error=%s", address, type(error).__name__)
        return lambda: None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
