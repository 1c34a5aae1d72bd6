"""Reads the cascades of one host at each scrape.

Host -> its counts, and guarantee, audits and budget of each cascade -> metric families
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headgate import __version__
from headgate.types import GuaranteeState

if TYPE_CHECKING:
    from headgate.cascade.engine import Engine
    from headgate.gate.budget import Snapshot
    from headgate.serving.guard import Guard
    from headgate.serving.host import Host

_Pair = tuple[str, float]
"""A cascade's name and its value."""


class HostCollector(Collector):
    """Yields what is counted of a host, and what its cascades are like at that moment."""

    def __init__(self, host: Host) -> None:
        """Take the host; nothing is read yet."""
        self._host = host

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with a sample a cascade."""
        hosted = self._host.hosted
        yield InfoMetricFamily("headgate_build", "What runs.", value={"version": __version__})
        engines = [(each.name, each.engine) for each in hosted if each.engine is not None]
        names = {name for name, _ in engines}
        for counted in (self._host.calls, self._host.answers):
            yield from (_shown(family, names) for family in counted.collect())
        yield _states(engines)
        yield from _guards([(each.name, each.guard) for each in hosted if each.guard])
        yield from _budgets(list(_snapshots(engines)))


def _shown(family: Metric, cascades: set[str]) -> Metric:
    """Return the family without cascades that are not served now, and without times of creation.

    The counts of those cascades stay where they are, and go on when a cascade comes back.
    """
    family.samples = [
        each
        for each in family.samples
        if not each.name.endswith("_created")
        and ("cascade" not in each.labels or each.labels["cascade"] in cascades)
    ]
    return family


def _states(engines: Iterable[tuple[str, Engine]]) -> Metric:
    family = GaugeMetricFamily(
        "headgate_guarantee_state",
        "1 for the state the certificate of a cascade is in.",
        labels=["cascade", "state"],
    )
    for name, engine in engines:
        for state in GuaranteeState:
            family.add_metric([name, state], float(engine.guarantee.state is state))
    return family


def _snapshots(engines: Iterable[tuple[str, Engine]]) -> Iterator[tuple[str, Snapshot]]:
    for name, engine in engines:
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
        "Answers of the small model that the large one has checked, in all gateways together.",
        [(name, status.audits) for name, status in told],
    )
    yield _counter(
        "headgate_audit_disagreements",
        "Audits in which the large model said something else, in all gateways together.",
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
