"""How often the certificate is wrong, and what it leaves to the large model.

DATA, simulations -> populations of known truth -> hundreds of resamples a rule -> one JSON object

Each set is a frozen population: a small tier fitted on training rows only, a large model's
recorded answers, gold. A resample draws labelled rows from it with replacement, lets a rule choose,
and looks at the whole population for what that choice is truly worth. Models, scores and rules are
not tuned on the rows reported on. Every set is certified at the same epsilon, 0.05, and again at
others under keys of their own. Progress and a summary go to standard error.

`exact` is ours on a stream, beside `empirical`, `crc` and `clt` on the same rows; `exact_batch` is
ours on a batch, beside `bargain` on the same records. A key with a colon is a variant of a set:
another kind of certificate, another order or size of what is handed over.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

# Last, so that grpc.py beside this file does not hide the library of that name.
sys.path.append(str(Path(__file__).parent))

from guarantee_sets import peer
from guarantee_sets.outcome import Figures
from guarantee_sets.plan import MORE_EPSILONS, Job, jobs, load_populations, missing_files
from guarantee_sets.population import Population
from guarantee_sets.report import summary

from headgate.gate.threshold import Gate
from headgate.types import Prediction

PROCESSES = 2
JUDGED_BATCH = 1_000
JUDGED_ROUNDS = 200


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    missing = missing_files(arguments.data)
    if missing:
        others = f" and {len(missing) - 1} other files" if len(missing) > 1 else ""
        print(f"{arguments.data}: no {missing[0]}{others}. Name the data folder.")
        return 2
    if not peer.available():
        print("BARGAIN, the peer, is not installed. Run: pip install 'headgate[bench]'")
        return 2
    started = time.perf_counter()
    populations = load_populations(arguments.data, say)
    for population in populations:
        say(describe(population))
    results = run(jobs(populations))
    for line in summary(results, ("", *(f":at_{each}" for each in MORE_EPSILONS))):
        say(line)
    say(f"Gate.judge: {decision_us():.2f} us a record in batches of {JUDGED_BATCH}")
    say(f"{time.perf_counter() - started:.0f} s")
    print(json.dumps(results))
    return 0


def say(line: str) -> None:
    """Print progress, which is not the result."""
    print(line, file=sys.stderr, flush=True)


def describe(population: Population) -> str:
    """Return who is right how often."""
    small, large = population.correct.mean(axis=0).round(3), population.large_correct.mean()
    return (
        f"{population.name}: {len(population)} records, kind {population.default_kind},"
        f" right: small tiers {small.tolist()}, large model {large:.3f}"
    )


def run(planned: list[Job]) -> dict[str, dict[str, Figures]]:
    """Return the figures of all jobs, by key in the order of the plan."""
    # One job a core: more threads in each would only wait for one another.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    results: dict[str, dict[str, Figures]] = {job.key: {} for job in planned}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context) as pool:
        running = {pool.submit(job.run): job for job in planned}
        for done, future in enumerate(as_completed(running), start=1):
            key = running[future].key
            results[key].update(future.result())
            say(f"{done} of {len(planned)}: {key}: {json.dumps(future.result())}")
    return results


def decision_us() -> float:
    """Return the median microseconds that a gate takes a record, in batches of 1,000."""
    rng = np.random.default_rng(7)
    sure = rng.uniform(size=JUDGED_BATCH).tolist()
    predictions = [Prediction(("normal", "broken"), (1 - each, each)) for each in sure]
    gate = Gate("max_prob", 0.9)
    taken_s = []
    for _ in range(JUDGED_ROUNDS):
        started = time.perf_counter()
        gate.judge(predictions)
        taken_s.append(time.perf_counter() - started)
    return statistics.median(taken_s) / JUDGED_BATCH * 1e6


if __name__ == "__main__":
    sys.exit(main())
