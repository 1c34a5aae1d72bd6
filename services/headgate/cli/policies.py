"""What the table of an evaluation says of the policies it compares.

Report -> a row a policy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.cli.output import dollars, percent

if TYPE_CHECKING:
    from headgate.evaluation.rates import Rate
    from headgate.evaluation.report import Report

POLICY_COLUMNS = (
    "policy",
    "accuracy",
    "95 % interval",
    "large-model share",
    "differs from large",
    "worse than large",
    "USD per 1,000",
    "USD per success",
)


def policy_rows(report: Report) -> list[tuple[str, ...]]:
    """Return a row of cells for each policy, in the order of the report."""
    return [
        (
            policy.name.replace("_", " "),
            percent(policy.accuracy.value),
            _interval(policy.accuracy),
            percent(policy.large_share.value),
            percent(policy.disagree.value),
            percent(policy.regret.value),
            dollars(policy.cost_usd_per_1000),
            dollars(policy.cost_usd_per_success),
        )
        for policy in report.policies
    ]


def _interval(rate: Rate) -> str:
    return f"{percent(rate.low)} to {percent(rate.high)}"
