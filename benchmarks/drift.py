"""How soon a cascade doubts its certificate after a change, and how often without one.

seeded losses and scores  ->  Watch, alpha = 1e-4  ->  median delays, rate of false alarms

No data are read. Losses are 0 or 1, at equal weights; scores are draws of the distributions named.

risk_delay_audits_median    Audits from the moment the true risk goes from 2 % to 6 % under a
    certificate of epsilon = 2 %, after 3,000 audits at 2 %. `risk` has more such steps, also from
    0.6 epsilon, where the monitor has seen a healthy cascade and takes longer.
switch_delay_records_median Requests from a full domain switch: a model that was 80 % sure on
    average, scores Beta(8, 2), meets texts on which it is 50 % sure, scores Beta(2, 2). The
    reference are 1,000 scores, and the switch comes at once. `scores` has weaker changes and parts
    of the traffic changing; some of them are slow or missed, and are meant to be seen.
false_alarm_rate            Alarms a request (scores) or an audit (risk, at exactly epsilon, the
    worst that is no change), whichever is more. It has to be at most alpha.

Runs that alarm before the change are counted and left out of the medians; runs that do not alarm
in time count as infinitely slow. Upper bounds are exact binomial ones at 95 %, one-sided.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headgate.gate.audit import AuditPlan
from headgate.gate.bounds import risk_upper_bound
from headgate.gate.watch import Watch, WatchSettings

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

ALPHA = 1e-4
RUNS = 400
HEADLINE_RUNS = 1000
HEALTHY_AUDITS = 3000
REFERENCE = 1000
LONGEST = 3000
STEP = 50
NULL_RUNS = 800
SETTINGS = WatchSettings("drift", 0.02, ALPHA, ALPHA, True, AuditPlan(0.01, 0.25), False)
AT = "2026-01-01T00:00:00Z"
RISKS = (  # epsilon, risk before, risk after
    (0.02, 0.012, 0.04),
    (0.02, 0.012, 0.06),
    (0.02, 0.012, 0.10),
    (0.05, 0.03, 0.10),
    (0.05, 0.03, 0.20),
)


@dataclass(frozen=True)
class Change:
    """A reference distribution of scores, another one, and how much of the traffic has it."""

    before: tuple[float, float]
    after: tuple[float, float]
    share: float
    healthy: int = 0
    """Requests between the reference and the change."""

    @property
    def name(self) -> str:
        """Return what the change is, for the report."""
        later = f" after {self.healthy} requests" if self.healthy else ""
        return f"beta{self.before} -> {self.share:.0%} beta{self.after}{later}"


SWITCH = Change((8, 2), (2, 2), 1.0)
CHANGES = (
    replace(SWITCH, healthy=1000),
    replace(SWITCH, share=0.5),
    replace(SWITCH, share=0.25),
    replace(SWITCH, share=0.1),
    Change((1, 1), (1, 2), 1.0),
    Change((1, 1), (1, 2), 0.5),
    Change((1, 1), (1, 2), 0.25),
)


def main() -> int:
    """Run everything and print the figures."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    started = time.perf_counter()
    risk = risk_delays(0.02, 0.02, 0.06, HEADLINE_RUNS)
    switch = switch_delays(SWITCH, HEADLINE_RUNS)
    false_alarms = {"risk": risk_false_alarms(), "scores": score_false_alarms()}
    figures = {
        "risk_delay_audits_median": risk["median"],
        "switch_delay_records_median": switch["median"],
        "false_alarm_rate": max(each["rate"] for each in false_alarms.values()),
        "score_updates_per_s": updates_per_s(),
        "alpha": ALPHA,
        "persist": SETTINGS.persist,
        "risk": [risk, *(risk_delays(*each, RUNS) for each in RISKS)],
        "scores": [switch, *(switch_delays(each, RUNS) for each in CHANGES)],
        "false_alarms": false_alarms,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(figures))
    return 0


# --- delays ------------------------------------------------------------------------------------


def risk_delays(epsilon: float, before: float, after: float, runs: int) -> dict[str, object]:
    """Return how many audits pass from a step of the risk to the alarm."""
    settings = replace(SETTINGS, risk_epsilon=epsilon, score_drift=False)

    def alarm(seed: int, persist: int) -> float:
        rng = np.random.default_rng([seed, 1])
        watch = Watch(replace(settings, persist=persist), np.empty(0))
        observe_risk(watch, rng, before, HEALTHY_AUDITS)
        for _ in range(0, LONGEST, STEP):
            if watch.changes:
                break
            observe_risk(watch, rng, after, STEP)
        return first_alarm(watch) - HEALTHY_AUDITS

    name = {"epsilon": epsilon, "before": before, "after": after}
    return {**name, **delays(alarm, runs)}


def observe_risk(watch: Watch, rng: np.random.Generator, risk: float, count: int) -> None:
    """Feed audits of one true risk, at equal weights."""
    losses = (rng.random(count) < risk).astype(np.float64)
    watch.observe_audits(losses, np.ones(count), at=AT)


def switch_delays(change: Change, runs: int) -> dict[str, object]:
    """Return how many requests pass from a change of the scores to the alarm."""

    def alarm(seed: int, persist: int) -> float:
        rng = np.random.default_rng([seed, 2])
        reference = rng.beta(*change.before, size=REFERENCE)
        watch = Watch(replace(SETTINGS, persist=persist), reference, seed=seed)
        watch.observe_scores(rng.beta(*change.before, size=change.healthy), at=AT)
        for _ in range(0, LONGEST, STEP):
            if watch.changes:
                break
            changed = rng.random(STEP) < change.share
            old, new = rng.beta(*change.before, size=STEP), rng.beta(*change.after, size=STEP)
            watch.observe_scores(np.where(changed, new, old), at=AT)
        return first_alarm(watch) - change.healthy

    return {"change": change.name, **delays(alarm, runs)}


def first_alarm(watch: Watch) -> float:
    """Return which update raised the alarm; infinity if there is none."""
    return watch.changes[0].update if watch.changes else math.inf


def delays(alarm: Callable[[int, int], float], runs: int) -> dict[str, object]:
    """Return medians over runs, with an alarm that persists as in production and one that need not.

    Args:
        alarm: The delay of a run, given its seed and how long an alarm has to persist; 0 or less
            if it came before the change.
        runs: How many seeds.
    """
    found = [alarm(seed, SETTINGS.persist) for seed in range(runs)]
    at_once = [alarm(seed, 1) for seed in range(runs)]
    return {
        "median": median_delay(found),
        "median_without_persist": median_delay(at_once),
        "runs": runs,
        "alarmed_before": sum(delay <= 0 for delay in found),
        "missed": sum(math.isinf(delay) for delay in found),
    }


def median_delay(found: Iterable[float]) -> float | None:
    """Return the median of the delays; None when it is longer than the runs."""
    median = statistics.median(delay for delay in found if delay > 0)
    return None if math.isinf(median) else median


# --- false alarms ------------------------------------------------------------------------------


def risk_false_alarms() -> dict[str, float]:
    """Return the rate of alarms an audit while the true risk is exactly epsilon."""

    def run(seed: int, persist: int) -> Watch:
        watch = Watch(replace(SETTINGS, persist=persist, score_drift=False), np.empty(0))
        observe_risk(watch, np.random.default_rng([seed, 3]), SETTINGS.risk_epsilon, LONGEST)
        return watch

    return false_alarms(run)


def score_false_alarms() -> dict[str, float]:
    """Return the rate of alarms a request while scores come from the reference's distribution."""

    def run(seed: int, persist: int) -> Watch:
        rng = np.random.default_rng([seed, 4])
        reference = rng.beta(*SWITCH.before, size=REFERENCE)
        watch = Watch(replace(SETTINGS, persist=persist), reference, seed=seed)
        watch.observe_scores(rng.beta(*SWITCH.before, size=LONGEST), at=AT)
        return watch

    return false_alarms(run)


def false_alarms(run: Callable[[int, int], Watch]) -> dict[str, float]:
    """Return alarms over updates; a run that has alarmed is over."""
    ends = [min(first_alarm(run(seed, SETTINGS.persist)), LONGEST + 1) for seed in range(NULL_RUNS)]
    at_once = [min(first_alarm(run(seed, 1)), LONGEST + 1) for seed in range(NULL_RUNS)]
    alarms, updates = count_alarms(ends)
    alarms_at_once, updates_at_once = count_alarms(at_once)
    return {
        "rate": alarms / updates,
        "rate_upper_bound": float(risk_upper_bound(alarms, updates, 0.05)),
        "rate_without_persist": alarms_at_once / updates_at_once,
        "alarms": alarms,
        "updates": updates,
    }


def count_alarms(ends: list[float]) -> tuple[int, int]:
    """Return how many runs ended in an alarm, and all updates until they did."""
    return sum(end <= LONGEST for end in ends), int(sum(min(end, LONGEST) for end in ends))


def updates_per_s() -> int:
    """Return how many scores a second one watch takes, in batches of 64."""
    rng = np.random.default_rng(5)
    watch = Watch(SETTINGS, rng.beta(*SWITCH.before, size=REFERENCE))
    batches = rng.beta(*SWITCH.before, size=(3000, 64))
    started = time.perf_counter()
    for batch in batches:
        watch.observe_scores(batch, at=AT)
    return int(batches.size / (time.perf_counter() - started))


if __name__ == "__main__":
    sys.exit(main())
