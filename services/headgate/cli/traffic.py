"""What gateways do now, from what they tell again and again.

Scrape, Scrape, ... of each gateway -> rates over the last half minute -> View

Counters are summed over gateways. Of a certificate the worst that any gateway tells counts, and
its audits are counted once for all of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from headgate.cli.scraping import BUILD, Key, Scrape
from headgate.errors import UnavailableError
from headgate.types import GuaranteeState

WINDOW_S = 30.0
"""Rates are over this time, or since the second scrape."""
NO_TIER = "none"
"""What gateways tell of records without an answer."""

_WORST_FIRST = (
    GuaranteeState.VOID,
    GuaranteeState.SUSPECT,
    GuaranteeState.UNCERTIFIED,
    GuaranteeState.CERTIFIED,
)


@dataclass(frozen=True, slots=True)
class TierView:
    """One stage of a cascade; None is for what nobody knows yet, or what did not happen."""

    name: str
    records_per_s: float | None
    """Those that it answered."""
    share: float | None
    """Of the cascade's records that it answered, 0 to 1."""
    sent_on: float | None
    """Of its own answers, the share that its gate did not keep."""
    p95_s: float | None
    """Of 95 % of the records, what it took at most for their batch, in seconds."""


@dataclass(frozen=True, slots=True)
class CascadeView:
    """One cascade in all gateways."""

    name: str
    records_per_s: float | None
    degraded: float | None
    """Share of records whose answer is not what the policy wanted."""
    usd_per_hour: float | None
    """For answers, without audits and failed calls."""
    state: str
    """Of its certificate; the worst that a gateway tells."""
    margin: float | None
    """How far the risk monitor is from its alarm: 1 no evidence, 0 alarm."""
    audits: int | None
    """Since the watcher started; None where nobody audits."""
    disagreements: int | None
    tiers: tuple[TierView, ...]
    """In the order of the flow."""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """One gateway."""

    address: str
    version: str = ""
    in_flight: int | None = None
    refused_per_s: float | None = None
    problem: str = ""
    """Why it tells nothing; empty when it does."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown."""

    gateways: tuple[GatewayView, ...]
    cascades: tuple[CascadeView, ...]


class Traffic:
    """Remembers what each gateway told lately."""

    def __init__(self, addresses: Sequence[str], *, window_s: float = WINDOW_S) -> None:
        """Start without memory.

        Args:
            addresses: Of the gateways.
            window_s: How long a rate looks back, in seconds.
        """
        self._addresses = tuple(addresses)
        self._window_s = window_s
        self._told: list[deque[Scrape]] = [deque() for _ in addresses]
        self._problems = [""] * len(addresses)

    def take(self, scrapes: Sequence[Scrape | UnavailableError]) -> None:
        """Note what each gateway told, in the order of their addresses."""
        for place, each in enumerate(scrapes):
            told = self._told[place]
            if isinstance(each, UnavailableError):
                self._problems[place] = each.problem
                told.clear()
                continue
            self._problems[place] = ""
            told.append(each)
            while len(told) > 2 and each.at - told[1].at >= self._window_s:
                told.popleft()

    def view(self) -> View:
        """Return what is known now."""
        per_s = [rates(told) for told in self._told]
        latest = [told[-1] for told in self._told if told]
        known = [each for each in per_s if each is not None]
        summed = _sum(known) if known else None
        return View(
            tuple(map(self._gateway, range(len(self._addresses)))),
            tuple(_cascade(name, latest, summed) for name in _cascades(latest)),
        )

    def _gateway(self, place: int) -> GatewayView:
        address, told = self._addresses[place], self._told[place]
        if not told:
            return GatewayView(address, problem=self._problems[place])
        own = rates(told)
        version = next(labels.get("version", "") for labels, _ in told[-1].named(BUILD))
        at_work = told[-1].samples.get(("headgate_in_flight", ()))
        return GatewayView(
            address,
            version,
            None if at_work is None else int(at_work),
            None if own is None else own.get(("headgate_refused_total", ()), 0.0),
        )


def rates(told: Sequence[Scrape]) -> dict[Key, float] | None:
    """Return how much each counter grew a second; None before the second scrape.

    A counter that fell started anew: what it shows is what it grew since, as Prometheus has it.
    """
    if len(told) < 2 or told[-1].at <= told[0].at:
        return None
    seconds = told[-1].at - told[0].at
    grown: dict[Key, float] = {}
    for before, after in pairwise(told):
        for key, value in after.samples.items():
            earlier = before.samples.get(key, 0.0)
            growth = value - earlier if value >= earlier else value
            grown[key] = grown.get(key, 0.0) + growth / seconds
    return grown


def quantile(wanted: float, buckets: Iterable[tuple[float, float]]) -> float | None:
    """Return a quantile of a histogram, between the bounds of its bucket in proportion.

    It is the largest bound where it lies above all of them.

    Args:
        wanted: Between 0 and 1.
        buckets: Upper bound, and how many values are not above it; in any order.

    Returns:
        None without values.

    Source:
        Prometheus, `histogram_quantile`.
    """
    ordered = sorted(buckets)
    total = ordered[-1][1] if ordered else 0.0
    if total <= 0:
        return None
    rank, lower, below = wanted * total, 0.0, 0.0
    for upper, until in ordered:
        if math.isinf(upper):
            break
        if until >= rank and until > below:
            return lower + (upper - lower) * (rank - below) / (until - below)
        lower, below = upper, until
    return lower


def _sum(rates_of_gateways: Iterable[Mapping[Key, float]]) -> dict[Key, float]:
    total: dict[Key, float] = {}
    for each in rates_of_gateways:
        for key, value in each.items():
            total[key] = total.get(key, 0.0) + value
    return total


class _Summed:
    """The rates of one cascade, summed over gateways."""

    def __init__(self, rates_per_s: Mapping[Key, float], cascade: str) -> None:
        own = ("cascade", cascade)
        self._rates = [
            (name, dict(labels), rate)
            for (name, labels), rate in rates_per_s.items()
            if own in labels
        ]

    def of(self, name: str, **labels: str) -> float:
        """Return the rate of a metric under these labels."""
        return sum(rate for _, rate in self.each(name, **labels))

    def each(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield all labels and the rate of each sample of a metric under these labels."""
        for own, found, rate in self._rates:
            if own == name and labels.items() <= found.items():
                yield found, rate


def _cascades(latest: Sequence[Scrape]) -> list[str]:
    """Return what is served, by name."""
    told = (labels for each in latest for labels, _ in each.named("headgate_guarantee_state"))
    return sorted({labels["cascade"] for labels in told})


def _cascade(
    name: str, latest: Sequence[Scrape], rates_per_s: Mapping[Key, float] | None
) -> CascadeView:
    own = None if rates_per_s is None else _Summed(rates_per_s, name)
    records = own.of("headgate_requests_total") if own else None
    audits = _told(latest, "headgate_audits_total", name)
    disagreements = _told(latest, "headgate_audit_disagreements_total", name)
    return CascadeView(
        name,
        records_per_s=records,
        degraded=_share(own.of("headgate_requests_total", outcome="degraded"), records)
        if own
        else None,
        usd_per_hour=3600 * own.of("headgate_llm_cost_dollars_total") if own else None,
        state=_state(latest, name),
        margin=min(_told(latest, "headgate_guarantee_margin_ratio", name), default=None),
        audits=int(max(audits)) if audits else None,
        disagreements=int(max(disagreements)) if disagreements else None,
        tiers=tuple(_tier(tier, own) for tier in _tiers(latest, name)),
    )


def _told(latest: Iterable[Scrape], metric: str, cascade: str) -> list[float]:
    """Return what gateways say of a cascade in one metric."""
    return [
        value
        for scrape in latest
        for labels, value in scrape.named(metric)
        if labels.get("cascade") == cascade
    ]


def _state(latest: Iterable[Scrape], cascade: str) -> str:
    """Return the worst state of a certificate that a gateway tells."""
    told = {
        labels["state"]
        for scrape in latest
        for labels, value in scrape.named("headgate_guarantee_state")
        if labels["cascade"] == cascade and value
    }
    return next((state.value for state in _WORST_FIRST if state.value in told), "")


def _tiers(latest: Iterable[Scrape], cascade: str) -> list[str]:
    """Return the stages of a cascade in the order they are told in, which is that of its flow.

    Stages that find things out follow those that answer.
    """
    metrics = ("headgate_requests_total", "headgate_tier_duration_seconds_count")
    told = [
        labels["tier"]
        for metric in metrics
        for scrape in latest
        for labels, _ in scrape.named(metric)
        if labels["cascade"] == cascade and labels["tier"] != NO_TIER
    ]
    return list(dict.fromkeys(told))


def _tier(name: str, own: _Summed | None) -> TierView:
    if own is None:
        return TierView(name, None, None, None, None)
    answered = own.of("headgate_requests_total", tier=name)
    decided = own.of("headgate_tier_decisions_total", tier=name)
    sent_on = own.of("headgate_tier_decisions_total", tier=name, decision="sent_on")
    buckets: dict[float, float] = {}
    for labels, rate in own.each("headgate_tier_duration_seconds_bucket", tier=name):
        upper = float(labels["le"])
        buckets[upper] = buckets.get(upper, 0.0) + rate
    return TierView(
        name,
        records_per_s=answered,
        share=_share(answered, own.of("headgate_requests_total")),
        sent_on=_share(sent_on, decided),
        p95_s=quantile(0.95, buckets.items()),
    )


def _share(part: float, whole: float | None) -> float | None:
    """Return a part of a whole; None where there is nothing."""
    return part / whole if whole else None
