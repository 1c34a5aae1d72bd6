"""Which sets, at which levels, under which certificates.

DATA -> populations;  levels -> jobs, one a key of the output

`agree`, `regret` and the batches are certified at the same epsilons for every set. The other losses
have levels of their own, chosen with each population's loss in view, so that an oracle keeps
neither everything nor nothing: of these, only how often the bound is broken says something.
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
from headgate.gate.tier_rows import LossKind

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


EPSILON = 0.05
"""Of `agree` and `regret`, for every set alike."""
MORE_EPSILONS = (0.02, 0.10, 0.15)
"""The same certificates again: how near the oracle they come depends on it."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The epsilons of one set for losses whose useful range differs from set to set."""

    netgap: float
    selective: float


LEVELS: Mapping[str, Levels] = {
    "ldsm_hwswitch": Levels(netgap=0.02, selective=0.05),
    "ldsm_csswitch": Levels(netgap=0.02, selective=0.05),
    "lp_csswitch": Levels(netgap=0.02, selective=0.05),
    "sotab_gpt4o": Levels(netgap=0.10, selective=0.30),
    "liar_advice": Levels(netgap=0.10, selective=0.35),
    "hotpotqa": Levels(netgap=0.10, selective=0.50),
    "simulated_linear": Levels(netgap=0.02, selective=0.20),
    "simulated_plateaus": Levels(netgap=0.05, selective=0.15),
    "simulated_flat": Levels(netgap=0.05, selective=0.05),
    "simulated_duplicates": Levels(netgap=0.05, selective=0.15),
    "simulated_tiers": Levels(netgap=0.02, selective=0.10),
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
    name, parts = population.name, (last_tier(population),)
    for how, suffix in ORDERS:
        yield BatchJob(f"{name}{suffix}", parts, EPSILON, how)
    for epsilon in MORE_EPSILONS:
        yield BatchJob(f"{name}:at_{epsilon}", parts, epsilon)
    yield BatchJob(f"{name}:n{MORE_RECORDS}", parts, EPSILON, records=MORE_RECORDS)


def _streams(population: Population) -> Iterator[Job]:
    name, own, two_tiers = population.name, population.default_kind, last_tier(population)
    other: LossKind = "agree" if own == "regret" else "regret"
    for how, suffix in ORDERS:
        yield StreamJob(f"{name}{suffix}", two_tiers, own, EPSILON, how)
    for epsilon in MORE_EPSILONS:
        yield StreamJob(f"{name}:at_{epsilon}", two_tiers, own, epsilon)
    yield StreamJob(f"{name}:{other}", two_tiers, other, EPSILON)


def _tiers(population: Population) -> Iterator[Job]:
    name, levels = population.name, LEVELS[population.name]
    two_tiers = last_tier(population)
    for how, suffix in ORDERS:
        yield TiersJob(f"{name}:netgap{suffix}", two_tiers, "netgap", levels.netgap, how)
        yield TiersJob(f"{name}:selective{suffix}", two_tiers, "selective", levels.selective, how)
        if population.scores.shape[1] > 1:
            own = population.default_kind
            yield TiersJob(f"{name}:k_tiers{suffix}", population, own, EPSILON, how)
