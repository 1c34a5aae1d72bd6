"""Which sets, at which levels, under which certificates.

DATA -> populations;  levels -> jobs, one a key of the output

The levels were fixed before a resample was drawn, but with each population's loss at every score in
view: an oracle should keep neither everything nor nothing. At smaller levels a certificate comes
less near to the oracle, so figures at one level say nothing about another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from guarantee_sets import columns, logs, news, questions, simulated
from guarantee_sets.arrangements import Arrangement
from guarantee_sets.batch import MORE_RECORDS, BatchJob
from guarantee_sets.kinds import RareJob, TiersJob
from guarantee_sets.population import Population, last_tier
from guarantee_sets.small_models import embedded_encoder
from guarantee_sets.stream import StreamJob
from headgate.fitting.vectors import KnownVectors
from headgate.gate.tiers import LossKind

Job = StreamJob | BatchJob | TiersJob | RareJob

LOADERS: Mapping[str, Callable[[Path, str, KnownVectors], Population]] = {
    "ldsm_hwswitch": logs.load_pairs,
    "ldsm_csswitch": logs.load_pairs,
    "lp_csswitch": logs.load_levels,
    "sotab_gpt4o": lambda data, name, encoder: columns.load(data, name),
    "liar_advice": news.load,
    "hotpotqa": lambda data, name, encoder: questions.load(data, name),
}
FILES = {
    "ldsm_hwswitch": logs.files("ldsm_hwswitch"),
    "ldsm_csswitch": logs.files("ldsm_csswitch"),
    "lp_csswitch": logs.files("lp_csswitch"),
    "sotab_gpt4o": columns.FILES,
    "liar_advice": news.FILES,
    "hotpotqa": questions.FILES,
}


@dataclass(frozen=True, slots=True)
class Levels:
    """The epsilons of one set."""

    epsilon: float
    """Of the set's own kind, `agree` or `regret`, and of its batches. For recorded sets the large
    model's own error rate, rounded down to a multiple of 0.05, from 0.05 to 0.15: to promise
    agreement beyond that would be to copy its mistakes."""
    other: float
    """Of the other of `agree` and `regret`."""
    netgap: float
    selective: float


LEVELS: Mapping[str, Levels] = {
    "ldsm_hwswitch": Levels(0.10, other=0.01, netgap=0.02, selective=0.02),
    "ldsm_csswitch": Levels(0.15, other=0.02, netgap=0.02, selective=0.05),
    "lp_csswitch": Levels(0.05, other=0.05, netgap=0.02, selective=0.05),
    "sotab_gpt4o": Levels(0.15, other=0.15, netgap=0.10, selective=0.30),
    "liar_advice": Levels(0.15, other=0.15, netgap=0.10, selective=0.35),
    "hotpotqa": Levels(0.15, other=0.15, netgap=0.10, selective=0.50),
    "simulated_linear": Levels(0.05, other=0.10, netgap=0.02, selective=0.20),
    "simulated_plateaus": Levels(0.10, other=0.10, netgap=0.05, selective=0.15),
    "simulated_flat": Levels(0.05, other=0.05, netgap=0.05, selective=0.05),
    "simulated_duplicates": Levels(0.10, other=0.10, netgap=0.05, selective=0.15),
    "simulated_tiers": Levels(0.05, other=0.10, netgap=0.02, selective=0.10),
}
ORDERS: tuple[tuple[Arrangement, str], ...] = (
    ("drawn", ""),
    ("sorted", ":sorted"),
    ("duplicated", ":duplicated"),
)
"""How rows are handed over, and the end of the key."""
RARE_MISS, RARE_FALSE_ALARM = 0.10, 0.20
DRIFTS = (
    ("lp_csswitch", "ldsm_hwswitch"),
    ("ldsm_csswitch", "liar_advice"),
    ("hotpotqa", "sotab_gpt4o"),
    ("simulated_linear", "simulated_plateaus"),
)
"""First half, second half. Their scores are on different scales, so the order is a bad one."""
DRIFT_EPSILON = 0.10


def missing_files(data: Path) -> list[str]:
    """Return the files that are not below the data folder."""
    return [file for files in FILES.values() for file in files if not (data / file).is_file()]


def load_populations(data: Path, report: Callable[[str], None]) -> list[Population]:
    """Fit the small tiers and return all populations, the recorded ones first."""
    report("load the encoder")
    encoder = embedded_encoder()
    found = []
    for name, load in LOADERS.items():
        report(f"{name}: fit its small tiers")
        found.append(load(data, name, encoder))
    return [*found, *(simulate() for simulate in simulated.SETS)]


def jobs(populations: list[Population]) -> list[Job]:
    """Return every job."""
    by_name = {population.name: population for population in populations}
    planned: list[Job] = []
    for population in populations:
        planned += _batches(population)
        planned += _streams(population)
        planned += _tiers(population)
    for first, second in DRIFTS:
        parts = (last_tier(by_name[first]), last_tier(by_name[second]))
        planned.append(BatchJob(f"{first}:drifted", parts, DRIFT_EPSILON, "drifted"))
    confidence, rare = simulated.rare()
    planned.append(
        RareJob("simulated_rare:two_sided", confidence, rare, RARE_MISS, RARE_FALSE_ALARM)
    )
    return planned


def _batches(population: Population) -> Iterator[Job]:
    name, epsilon = population.name, LEVELS[population.name].epsilon
    parts = (last_tier(population),)
    for how, suffix in ORDERS:
        yield BatchJob(f"{name}{suffix}", parts, epsilon, how)
    yield BatchJob(f"{name}:n{MORE_RECORDS}", parts, epsilon, records=MORE_RECORDS)


def _streams(population: Population) -> Iterator[Job]:
    name, levels = population.name, LEVELS[population.name]
    own, two_tiers = population.default_kind, last_tier(population)
    other: LossKind = "agree" if own == "regret" else "regret"
    for how, suffix in ORDERS:
        yield StreamJob(f"{name}{suffix}", two_tiers, own, levels.epsilon, how)
    yield StreamJob(f"{name}:{other}", two_tiers, other, levels.other)


def _tiers(population: Population) -> Iterator[Job]:
    name, levels = population.name, LEVELS[population.name]
    two_tiers = last_tier(population)
    for how, suffix in ORDERS:
        yield TiersJob(f"{name}:netgap{suffix}", two_tiers, "netgap", levels.netgap, how)
        yield TiersJob(f"{name}:selective{suffix}", two_tiers, "selective", levels.selective, how)
        if population.scores.shape[1] > 1:
            own = population.default_kind
            yield TiersJob(f"{name}:k_tiers{suffix}", population, own, levels.epsilon, how)
