"""What the dashboard of gateways shows: rows of panels, each with its queries.

ROWS -> dashboards.dashboard()

Counters are summed over gateways. Certificates are told by each gateway, and the worst counts.
"""

from __future__ import annotations

from dataclasses import dataclass

STATES = ("certified", "uncertified", "suspect", "void")
"""From the best to the worst; a panel shows the worst that any gateway is in."""

_C = '{cascade=~"$cascade"}'


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and how its lines are named."""

    expression: str
    legend: str = "{{cascade}}"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    text: str
    """What a person should know of it."""
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from left to right."""

    title: str
    panels: tuple[Panel, ...]


def _rate(metric: str, by: str, labels: str = "") -> str:
    """Return the sum of a counter's rates over the gateways, in units a second."""
    chosen = f'{{cascade=~"$cascade"{labels}}}'
    return f"sum by ({by}) (rate({metric}{chosen}[$__rate_interval]))"


def _share(part: str, whole: str) -> str:
    """Return a part of a whole; nothing where there is nothing."""
    return f"{part} / ({whole} > 0)"


def _quantile(quantile: float, metric: str, by: str) -> str:
    return f"histogram_quantile({quantile}, {_rate(f'{metric}_bucket', f'{by}, le')})"


def _worst_state() -> str:
    """Return an expression of the place in STATES of the worst state of each cascade."""
    each = [
        f'headgate_guarantee_state{{cascade=~"$cascade", state="{state}"}} * {place}'
        for place, state in enumerate(STATES)
    ]
    return f"max by (cascade) ({' or '.join(each)})"


_SENT_ON = _rate("headgate_tier_decisions_total", "cascade, tier", ', decision="sent_on"')
_DECIDED = _rate("headgate_tier_decisions_total", "cascade, tier")
_DEGRADED = _rate("headgate_requests_total", "cascade", ', outcome="degraded"')
_ANSWERED = _rate("headgate_requests_total", "cascade")
_CACHED = _rate("headgate_cache_events_total", "cascade", ', event="hit"')
_COST = f"3600 * {_rate('headgate_llm_cost_dollars_total', 'cascade')}"
# One watcher counts the audits of all gateways, and each of these tells its counts.
_AUDITS = f"max by (cascade) (increase(headgate_audits_total{_C}[1h]))"
_DISAGREEMENTS = f"max by (cascade) (increase(headgate_audit_disagreements_total{_C}[1h]))"

ROWS = (
    Row(
        "Now",
        (
            Panel(
                "Records a second",
                "Of all chosen cascades.",
                (Query("sum(rate(headgate_requests_total" + _C + "[$__rate_interval]))", ""),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Degraded",
                "Share of records whose answer is not what the policy wanted.",
                (Query(_share(f"sum({_DEGRADED})", f"sum({_ANSWERED})"), ""),),
                unit="percentunit",
                kind="stat",
                width=4,
            ),
            Panel(
                "Cost an hour",
                "For answers of language models; without audits and failed calls.",
                (Query(f"sum({_COST})", ""),),
                unit="currencyUSD",
                kind="stat",
                width=4,
            ),
            Panel(
                "Cascades without their certificate",
                "Those whose certificate is void in at least one gateway.",
                (Query(f"count({_worst_state()} == {STATES.index('void')}) or vector(0)", ""),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Gateways",
                "Those that Prometheus reads, by version.",
                (Query("count by (version) (headgate_build_info)", "{{version}}"),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Calls at work",
                "In all gateways together.",
                (Query("sum(headgate_in_flight)", ""),),
                kind="stat",
                width=4,
            ),
        ),
    ),
    Row(
        "Traffic",
        (
            Panel(
                "Records by the tier that answered",
                "A tier is a stage of the cascade's file; `none` gave no answer.",
                (Query(_rate("headgate_requests_total", "cascade, tier"), "{{cascade}} {{tier}}"),),
                unit="reqps",
            ),
            Panel(
                "Records by outcome",
                "Answered, degraded, or the status code of the error.",
                (
                    Query(
                        _rate("headgate_requests_total", "cascade, outcome"),
                        "{{cascade}} {{outcome}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Sent on",
                "Share of a tier's answers that its gate did not keep.",
                (Query(_share(_SENT_ON, _DECIDED), "{{cascade}} {{tier}}"),),
                unit="percentunit",
            ),
            Panel(
                "Degraded by reason",
                "Why answers are not what the policy wanted.",
                (
                    Query(
                        _rate("headgate_degraded_total", "cascade, reason"),
                        "{{cascade}} {{reason}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Calls by status code",
                "Of all gateways.",
                (
                    Query(
                        "sum by (method, code) (rate(headgate_rpcs_total[$__rate_interval]))",
                        "{{method}} {{code}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "At work and refused",
                "Calls in each gateway, and those refused since too many were at work.",
                (
                    Query("headgate_in_flight", "{{instance}} at work"),
                    Query(
                        "rate(headgate_refused_total[$__rate_interval])",
                        "{{instance}} refused a second",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Time",
        (
            Panel(
                "Half of the batches of a tier, within",
                "The median of what a stage took for the batch in which a record was.",
                (
                    Query(
                        _quantile(0.5, "headgate_tier_duration_seconds", "cascade, tier"),
                        "{{cascade}} {{tier}}",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "95 % of the batches of a tier, within",
                "What a stage took for the batch in which a record was.",
                (
                    Query(
                        _quantile(0.95, "headgate_tier_duration_seconds", "cascade, tier"),
                        "{{cascade}} {{tier}}",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "95 % of the calls, within",
                "From the first byte of a request to the last message of its reply.",
                (
                    Query(
                        "histogram_quantile(0.95, sum by (method, le) "
                        "(rate(headgate_rpc_duration_seconds_bucket[$__rate_interval])))",
                        "{{method}}",
                    ),
                ),
                unit="s",
            ),
        ),
    ),
    Row(
        "Money",
        (
            Panel(
                "Cost an hour, of answers",
                "At the rate of now; without audits and failed calls.",
                (Query(_COST),),
                unit="currencyUSD",
            ),
            Panel(
                "Cost an hour, of everything",
                "Spent and reserved by the budgets, audits and failed calls included.",
                (
                    Query(
                        "3600 * clamp_min("
                        f"sum by (cascade) (deriv(headgate_budget_spent_dollars{_C}[15m])), 0)"
                    ),
                ),
                unit="currencyUSD",
            ),
            Panel(
                "Calls that nothing was left for",
                "Asked for by a certificate, and not paid.",
                (Query(_rate("headgate_budget_exhausted_total", "cascade")),),
                unit="reqps",
            ),
            Panel(
                "Calls of language models",
                "Those that led to an answer, and those that budgets paid for.",
                (
                    Query(_rate("headgate_llm_calls_total", "cascade")),
                    Query(
                        f"clamp_min(sum by (cascade) (deriv(headgate_budget_calls{_C}[15m])), 0)",
                        "{{cascade}} paid",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Tokens",
                "Read and written.",
                (
                    Query(
                        _rate("headgate_llm_tokens_total", "cascade, direction"),
                        "{{cascade}} {{direction}}",
                    ),
                ),
            ),
            Panel(
                "Answers from the cache",
                "Share of the answers of language models that an earlier call had paid for.",
                (
                    Query(
                        _share(_CACHED, _rate("headgate_cache_events_total", "cascade")),
                    ),
                ),
                unit="percentunit",
            ),
        ),
    ),
    Row(
        "Quality",
        (
            Panel(
                "Certificate",
                "The worst state that any gateway tells.",
                (Query(_worst_state()),),
                kind="state-timeline",
            ),
            Panel(
                "Margin of the certificate",
                "How far the risk monitor is from its alarm: 1 no evidence, 0 alarm.",
                (Query(f"min by (cascade) (headgate_guarantee_margin_ratio{_C})"),),
                unit="percentunit",
            ),
            Panel(
                "Drift of scores",
                "How near the monitor of scores is to its alarm, which is at 1.",
                (Query(f"max by (cascade) (headgate_score_drift_ratio{_C})"),),
                unit="percentunit",
            ),
            Panel(
                "Audits that disagree",
                "Share of the last hour's audits in which the large model said something else.",
                (Query(_share(_DISAGREEMENTS, _AUDITS)),),
                unit="percentunit",
            ),
            Panel(
                "Audits of the last hour",
                "Made, and drawn but not made.",
                (
                    Query(_AUDITS, "{{cascade}} made"),
                    Query(
                        f"sum by (cascade) (increase(headgate_audits_skipped_total{_C}[1h]))",
                        "{{cascade}} skipped",
                    ),
                ),
            ),
            Panel(
                "Confidence at the first gate",
                "How many records had which.",
                (
                    Query(
                        f"sum by (le) (increase(headgate_score_bucket{_C}[$__rate_interval]))",
                        "{{le}}",
                    ),
                ),
                kind="heatmap",
            ),
        ),
    ),
)
