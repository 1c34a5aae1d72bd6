"""Which charts a report is shown with.

Report  ->  Chart, ...: accuracy by calls and by cost, risk by coverage, the score's honesty
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headgate.evaluation.curves import RiskPoint
from headgate.evaluation.policies import Policy
from headgate.evaluation.rates import Rate
from headgate.evaluation.report import Line, Report
from headgate.pages.amounts import dollars, percent
from headgate.pages.charts import Chart, Look, Mark, Series
from headgate.pages.ticks import Axis

POLICY_NAMES = {
    "small_only": "Small models alone",
    "large_only": "Large model alone",
    "random": "Random, same share",
    "cascade": "This cascade",
    "exact": "Exact threshold",
    "empirical": "Empirical threshold",
    "clt": "Normal approximation",
    "crc": "Conformal risk control",
    "parity": "Parity threshold",
    "oracle": "Oracle",
}
_MARKED: dict[str, Look] = {
    "small_only": "small",
    "large_only": "large",
    "empirical": "empirical",
    "crc": "crc",
    "exact": "exact",
    "cascade": "cascade",
}
_LEAST_COVERAGE = 0.05
"""Below it, a risk is that of a handful of rows, and its interval would dwarf the rest."""
_LOSSES = {
    "agree": "differ from the large model's answer",
    "regret": "are wrong where the large model is right",
}


def plots(report: Report) -> tuple[Chart, ...]:
    """Return the charts of a report; that of costs only when there is a price to draw."""
    charts = (
        _accuracy_by_calls(report),
        _accuracy_by_cost(report),
        _risk_by_coverage(report),
        _loss_by_coverage(report),
        _honesty(report),
    )
    return tuple(chart for chart in charts if chart is not None)


def _accuracy_by_calls(report: Report) -> Chart:
    cascade = report.policy("cascade")
    curve = report.score_curve
    return Chart(
        id="calls",
        title="Accuracy against large-model calls",
        description=f"With {percent(cascade.large_share.value)} of the rows sent, the cascade "
        f"reaches {percent(cascade.accuracy.value)}. The line shows what other thresholds on the "
        f"same score reach, from {percent(curve.accuracy[0])} to {percent(curve.accuracy[-1])}.",
        x=Axis("share of rows sent to the large model"),
        y=Axis("accuracy"),
        series=_curves(report, lambda line: line.share),
        marks=_marks(report, lambda policy: policy.large_share.value),
    )


def _accuracy_by_cost(report: Report) -> Chart | None:
    cascade = report.policy("cascade")
    if report.score_curve.cost_usd_per_1000 is None:
        return None
    return Chart(
        id="cost",
        title="Accuracy against cost",
        description=f"For {dollars(cascade.cost_usd_per_1000)} per 1,000 records the cascade "
        f"reaches {percent(cascade.accuracy.value)}; the large model alone costs "
        f"{dollars(report.policy('large_only').cost_usd_per_1000)}.",
        x=Axis("US dollars per 1,000 records", unit="usd", from_zero=True),
        y=Axis("accuracy"),
        series=_curves(report, lambda line: line.cost_usd_per_1000 or ()),
        marks=_marks(report, lambda policy: policy.cost_usd_per_1000),
    )


def _curves(report: Report, across: Callable[[Line], tuple[float, ...]]) -> tuple[Series, ...]:
    """Return the lines of the oracle, of random rows and of the score, the last on top."""
    score, oracle = report.score_curve, report.oracle_curve
    ends = across(score)
    return (
        Series("Oracle", "oracle", across(oracle), oracle.accuracy),
        Series(
            "Random rows sent",
            "random",
            (ends[0], ends[-1]),
            (score.accuracy[0], score.accuracy[-1]),
        ),
        Series("The gate's score", "cascade", across(score), score.accuracy),
    )


def _marks(report: Report, across: Callable[[Policy], float | None]) -> tuple[Mark, ...]:
    found = []
    for name, look in _MARKED.items():
        policy = report.policy(name)
        place, accuracy = across(policy), policy.accuracy.value
        if place is not None and accuracy is not None:
            found.append(Mark(POLICY_NAMES[name], look, place, accuracy))
    return tuple(found)


def _risk_by_coverage(report: Report) -> Chart:
    drawn = _drawn(report)
    cascade = report.policy("cascade")
    return Chart(
        id="risk",
        title="Wrong answers among the kept ones",
        description="Of the answers that the small models give, surest first, "
        f"{percent(drawn[0].wrong.value)} are wrong when {percent(drawn[0].coverage)} of the rows "
        f"are kept, and {percent(drawn[-1].wrong.value)} when all are. "
        f"The band is the exact {report.confidence:.0%} interval.",
        x=Axis("share of rows the small models answer", from_zero=True),
        y=Axis("share wrong of those", from_zero=True),
        series=(
            _banded(
                "Wrong among kept, with interval",
                [point.coverage for point in drawn],
                [point.wrong for point in drawn],
            ),
        ),
        marks=_at_coverage(cascade, cascade.wrong_when_kept.value),
    )


def _loss_by_coverage(report: Report) -> Chart:
    drawn, epsilon = _drawn(report), report.subject.epsilon
    cascade = report.policy("cascade")
    seen = cascade.disagree if report.loss == "agree" else cascade.regret
    return Chart(
        id="loss",
        title="Risk that a threshold takes",
        description=f"Share of all rows whose kept answers {_LOSSES[report.loss]}, against the "
        f"share that is kept. The limit drawn is {epsilon:.1%}; the cascade is at "
        f"{percent(seen.value)}.",
        x=Axis("share of rows the small models answer", from_zero=True),
        y=Axis("share of all rows lost", from_zero=True),
        series=(
            Series(f"Limit, {100 * epsilon:.4g}%", "limit", (0.0, 1.0), (epsilon, epsilon)),
            _banded(
                f"Kept answers that {_LOSSES[report.loss]}, with interval",
                [point.coverage for point in drawn],
                [point.loss for point in drawn],
            ),
        ),
        marks=_at_coverage(cascade, seen.value),
    )


def _banded(name: str, places: Sequence[float], rates: Sequence[Rate]) -> Series:
    """Return the line of the cascade's rates inside their intervals."""
    return Series(
        name,
        "cascade",
        tuple(places),
        tuple(each.value or 0.0 for each in rates),
        tuple(each.low for each in rates),
        tuple(each.high for each in rates),
    )


def _drawn(report: Report) -> tuple[RiskPoint, ...]:
    return tuple(point for point in report.risk_coverage if point.coverage >= _LEAST_COVERAGE)


def _at_coverage(cascade: Policy, height: float | None) -> tuple[Mark, ...]:
    """Return the cascade's own mark; none when it keeps nothing."""
    kept = 1 - (cascade.large_share.value or 0.0)
    return () if height is None else (Mark("This cascade", "cascade", kept, height),)


def _honesty(report: Report) -> Chart | None:
    """Return how often answers of a confidence are right; None when scores are no shares."""
    bins = report.score_bins
    if not bins or bins[0].least < 0 or bins[-1].most > 1:
        return None
    means = tuple(each.mean for each in bins)
    return Chart(
        id="honesty",
        title="Does the confidence mean what it says?",
        description="On the dotted line, answers of confidence 90% would be right in 90% of the "
        f"rows. Answers of the surest tenth, {percent(means[-1])} on average, are right in "
        f"{percent(bins[-1].right.value)}. The guarantee does not rely on this.",
        x=Axis("confidence of the small models"),
        y=Axis("share of rows"),
        series=(
            Series("Equal", "random", (means[0], means[-1]), (means[0], means[-1])),
            Series(
                "Same as the large model's",
                "large",
                means,
                tuple(each.agree.value or 0.0 for each in bins),
            ),
            _banded("Right, with interval", means, [each.right for each in bins]),
        ),
    )
