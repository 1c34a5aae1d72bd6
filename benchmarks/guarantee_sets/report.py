"""What the figures say against what is to be reached; for people, on standard error.

{set: {rule: figures}}  ->  lines
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from guarantee_sets.batch import MORE_RECORDS
from guarantee_sets.outcome import Figures, largest_violation_rate
from headgate.gate.bounds import most_bad_allowed

AUTOMATION_OF_ORACLE = 0.93
POINTS_OVER_BARGAIN = 0.05

Results = Mapping[str, Mapping[str, Figures]]


def summary(results: Results, levels: Sequence[str]) -> list[str]:
    """Return the lines of the summary, those that fail last.

    Args:
        results: All figures.
        levels: Ends of the keys whose automation is compared with the oracle's.
    """
    failing = [*too_often_wrong(results), *behind_bargain(results), *behind_oracle(results)]
    return [
        *(line for level in levels for line in _automation(results, level)),
        *_margins(results, "", "N = 3,000"),
        *_margins(results, f":n{MORE_RECORDS}", f"N = {MORE_RECORDS:,}"),
        *(failing or ["every requirement is met"]),
    ]


def too_often_wrong(results: Results) -> list[str]:
    """Return where one of our rules broke its bound more often than chance explains."""
    found = []
    for key, rules in results.items():
        for rule, own in rules.items():
            limit = largest_violation_rate(int(own["resamples"]))
            if rule.startswith("exact") and float(own["violation_rate"]) > limit:
                found.append(
                    f"FAILS {key} {rule}: violated in {own['violation_rate']} > {limit:.4f}"
                )
    return found


def behind_bargain(results: Results) -> list[str]:
    """Return where BARGAIN avoids more calls, and whether the lead over it is too small."""
    margins = _margins_of(results)
    found = [
        f"FAILS {key}: avoids {-margin:.4f} less than bargain"
        for key, margin in margins.items()
        if margin < 0
    ]
    mean = fmean(margin for key, margin in margins.items() if ":" not in key)
    if mean < POINTS_OVER_BARGAIN:
        found.append(f"FAILS on average: {mean:.4f} over bargain, below {POINTS_OVER_BARGAIN}")
    return found


def behind_oracle(results: Results) -> list[str]:
    """Return where the certificate automates too little of what an oracle would.

    Beside it stands the most that may be observed for epsilon to be proved. Where loss is spread
    evenly over the scores, automation falls short of the oracle's by that proportion, under any
    valid rule.
    """
    return [
        f"FAILS {key}: {ratio:.3f} of the oracle's automation; {_provable(results[key]['exact'])}"
        for key, ratio in _ratios(results).items()
        if ratio < AUTOMATION_OF_ORACLE
    ]


def _provable(own: Figures) -> str:
    rows, epsilon = int(own["rows"]), float(own["epsilon"])
    allowed = most_bad_allowed(rows, epsilon, float(own["delta"]))
    return f"{rows} rows prove {epsilon} if at most {allowed / rows:.4f} is observed"


def _ratios(results: Results, level: str = "") -> dict[str, float]:
    """Return automation over the oracle's for the stream certificates of one level.

    Args:
        results: All figures.
        level: End of the keys; empty for the sets' own keys.
    """
    found = {}
    for key, rules in results.items():
        own_level = key == key.split(":")[0] + level
        if not own_level or not float(rules["exact"]["oracle_automation"]):
            continue
        own = rules["exact"]
        found[key] = float(own["automation"]) / float(own["oracle_automation"])
    return found


def _margins_of(results: Results) -> dict[str, float]:
    return {
        key: float(rules["exact_batch"]["automation"]) - float(rules["bargain"]["automation"])
        for key, rules in results.items()
        if "bargain" in rules
    }


def _automation(results: Results, level: str = "") -> list[str]:
    ratios = _ratios(results, level)
    lines = [f"{key}: {ratio:.3f} of the oracle's automation" for key, ratio in ratios.items()]
    recorded = [ratio for key, ratio in ratios.items() if not key.startswith("simulated")]
    lines.append(
        f"mean share of the oracle's automation{level}: {fmean(ratios.values()):.3f}"
        f" (recorded sets: {fmean(recorded):.3f})"
    )
    return lines


def _margins(results: Results, suffix: str, words: str) -> list[str]:
    """Return the lead over BARGAIN on the sets' own batches of one size."""
    own = {
        key: margin
        for key, margin in _margins_of(results).items()
        if key == key.split(":")[0] + suffix
    }
    recorded = [margin for key, margin in own.items() if not key.startswith("simulated")]
    lines = [f"{key}: {margin:+.4f} of calls avoided over bargain" for key, margin in own.items()]
    lines.append(
        f"{words}: {fmean(own.values()):+.4f} over bargain on average"
        f" (recorded sets: {fmean(recorded):+.4f})"
    )
    return lines
