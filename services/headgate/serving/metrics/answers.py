"""Counts what cascades answer, result by result.

Result of a record, of a unit of one, or of a step -> counters and histograms of its cascade

A tier is the stage that answered, as the file names it. The gate of a tier says what it keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TypeAlias, TypeVar

import grpc
from prometheus_client import Counter, Histogram
from prometheus_client.core import Metric

from headgate.cascade.engine import Engine
from headgate.cascade.nodes import GateNode
from headgate.errors import HeadgateError
from headgate.serving.status import internal_error
from headgate.stages.catalog import Answering, Asking
from headgate.types import Decision, Result, Step

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""From an n-gram model to the longest time that a call may take."""
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1)
"""Finer where thresholds are."""
NO_TIER = "none"
"""Of a record without an answer."""

_TEXTS = {
    "headgate_requests": "Records by the stage whose answer was returned, and what became of them.",
    "headgate_tier_decisions": "Answers of a stage, of records, columns or questions, that its gate"
    " kept or sent on.",
    "headgate_tier_duration_seconds": "Seconds that a stage took for the batch a record was in.",
    "headgate_score": "Confidence at the first gate.",
    "headgate_llm_calls": "Calls of language models that led to an answer.",
    "headgate_llm_tokens": "Tokens that language models read and wrote.",
    "headgate_llm_cost_dollars": "US dollars for answers of language models; without audits and"
    " failed calls.",
    "headgate_cache_events": "Records for whose answer an earlier call of a language model had paid"
    " (hit), and others that took one (miss).",
    "headgate_degraded": "Answers that are not what the policy wanted.",
}

_Child = TypeVar("_Child", Counter, Histogram)
Note: TypeAlias = Callable[[Result], None]


class AnswerCounts:
    """Counts of all cascades of one gateway; they go on when a cascade is configured anew."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.requests = _counter("headgate_requests", "tier", "outcome")
        self.decisions = _counter("headgate_tier_decisions", "tier", "decision")
        self.seconds = _histogram("headgate_tier_duration_seconds", SECONDS, "tier")
        self.scores = _histogram("headgate_score", SCORES)
        self.llm_calls = _counter("headgate_llm_calls")
        self.llm_tokens = _counter("headgate_llm_tokens", "direction")
        self.llm_cost = _counter("headgate_llm_cost_dollars")
        self.cache_events = _counter("headgate_cache_events", "event")
        self.degraded = _counter("headgate_degraded", "reason")

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with the samples of every cascade."""
        for metric in vars(self).values():
            yield from metric.collect()

    def listen(self, engine: Engine) -> None:
        """Count what an engine answers from now on.

        Records that fan out are counted as wholes; what gates judge, and what it took, of their
        units. Of the steps of a question only the time counts: no gate of theirs is certified.
        """
        counts = _CascadeCounts(self, engine)
        units = engine.units
        if units is engine:
            engine.listener = counts.safely(counts.whole, counts.unit)
        else:
            engine.listener = counts.safely(counts.whole)
            units.listener = counts.safely(counts.unit)
        if units.steps is not None:
            units.steps.listener = counts.safely(counts.step)


class _CascadeCounts:
    """Counts the results of one cascade's engines."""

    def __init__(self, counts: AnswerCounts, engine: Engine) -> None:
        nodes, name = engine.units.nodes, engine.name
        self._name = name
        self._fans_out = engine.units is not engine
        self._tiers = [node.name for node in nodes if isinstance(node, Answering | Asking)]
        self._places = {tier: place for place, tier in enumerate(self._tiers)}
        self._gates = {node.name: node.of for node in nodes if isinstance(node, GateNode)}
        self._requests = _Children(counts.requests, name)
        self._decisions = _Children(counts.decisions, name)
        self._seconds = _Children(counts.seconds, name)
        self._scores = _Children(counts.scores, name)
        self._llm_calls = _Children(counts.llm_calls, name)
        self._llm_tokens = _Children(counts.llm_tokens, name)
        self._llm_cost = _Children(counts.llm_cost, name)
        self._cache_events = _Children(counts.cache_events, name)
        self._degraded = _Children(counts.degraded, name)
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Show what will be counted from the start: a rate needs a first value."""
        self._requests.show(*product(self._tiers, ("answered", "degraded")))
        self._decisions.show(*product(self._gates.values(), ("kept", "sent_on")))
        self._llm_tokens.show(("input",), ("output",))
        self._cache_events.show(("hit",), ("miss",))
        for alone in (self._scores, self._llm_calls, self._llm_cost):
            alone.show(())

    def safely(self, *notes: Note) -> Note:
        """Return a listener that does not fail: an answer is right without its count."""

        def listen(result: Result) -> None:
            try:
                for note in notes:
                    note(result)
            except Exception as error:  # noqa: BLE001 - see above
                internal_error(error, f"count {self._name}")

        return listen

    def whole(self, result: Result) -> None:
        """Count a record that a caller gets an answer to."""
        self._requests[self._tier(result), _outcome(result)].inc()
        if result.degraded:
            self._degraded[(_reason(result.degraded),)].inc()

    def unit(self, result: Result) -> None:
        """Count what gates said of it, and what it took."""
        first = True
        for step in result.path:
            if step.stage not in self._gates:
                self._time(step)
                continue
            decision = "kept" if step.decision is Decision.KEPT else "sent_on"
            self._decisions[self._gates[step.stage], decision].inc()
            if first:
                self._scores[()].observe(_number(step.score))
                first = False
        self._spend(result)

    def step(self, result: Result) -> None:
        """Count the time that a step of a question took."""
        for step in result.path:
            if step.kind != "gate":
                self._time(step)

    def _time(self, step: Step) -> None:
        # Nothing was started where too little time was left.
        if step.elapsed_ms > 0:
            self._seconds[(step.stage,)].observe(step.elapsed_ms / 1000)

    def _spend(self, result: Result) -> None:
        usage = result.usage
        if usage.calls:
            self._llm_calls[()].inc(usage.calls)
            self._llm_tokens[("input",)].inc(usage.input_tokens)
            self._llm_tokens[("output",)].inc(usage.output_tokens)
            self._llm_cost[()].inc(usage.cost_usd)
            self._cache_events[("miss",)].inc()
        elif result.cached:
            self._cache_events[("hit",)].inc()

    def _tier(self, result: Result) -> str:
        """Return the stage that answered; of a record that fans out, the last that did of any."""
        if result.tier is None:
            return NO_TIER
        paths = [part.path for part in result.parts] if self._fans_out else [result.path]
        place = max((self._place(path) for path in paths), default=-1)
        return self._tiers[place] if place >= 0 else NO_TIER

    def _place(self, path: Sequence[Step]) -> int:
        """Return which tier gave the answer at the end of a path; -1 for none."""
        for step in reversed(path):
            place = self._places.get(step.stage, -1)
            if place >= 0 and step.decision is not Decision.FAILED:
                return place
        return -1


class _Children(dict[tuple[str, ...], _Child]):
    """The children of one metric for one cascade, by their other labels.

    To look one up here takes a fraction of the time that it takes the metric.
    """

    def __init__(self, metric: _Child, cascade: str) -> None:
        super().__init__()
        self._metric: _Child = metric
        self._cascade = cascade

    def __missing__(self, labels: tuple[str, ...]) -> _Child:
        child: _Child = self._metric.labels(self._cascade, *labels)
        self[labels] = child
        return child

    def show(self, *labels: tuple[str, ...]) -> None:
        """Make these visible, with nothing counted."""
        for each in labels:
            self[each] = self[each]


def _counter(name: str, *labels: str) -> Counter:
    return Counter(name, _TEXTS[name], ["cascade", *labels], registry=None)


def _histogram(name: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(name, _TEXTS[name], ["cascade", *labels], buckets=buckets, registry=None)


def _outcome(result: Result) -> str:
    """Return what became of a record: `answered`, `degraded`, or the status code of its error."""
    if result.error is not None:
        return result.error.status if result.error.status in STATUSES else "INTERNAL"
    return "degraded" if result.degraded else "answered"


def _reason(reason: str) -> str:
    """Return the reason if it is one that our errors have; a label is of a closed set."""
    return reason if reason in REASONS else "OTHER"


def _reasons() -> Iterator[str]:
    waiting: list[type[HeadgateError]] = [HeadgateError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        yield kind.reason
    yield "DEADLINE"


def _number(score: float | None) -> float:
    """Return 0 for what is no number, as the monitors do."""
    return 0.0 if score is None or math.isnan(score) else score


STATUSES = frozenset(code.name for code in grpc.StatusCode)
REASONS = frozenset(_reasons())
