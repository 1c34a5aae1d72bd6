"""What `headgate plan` says, for people and for programs.

Planned -> [table] | JSON
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.cli.output import table

if TYPE_CHECKING:
    from headgate.serving.cluster.changes import Change
    from headgate.serving.cluster.misfits import Misfit
    from headgate.serving.cluster.needs import Need
    from headgate.serving.cluster.nodes import NodeType
    from headgate.serving.cluster.planning import Placement, Plan


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything there is to say."""

    needs: Sequence[Need]
    plan: Plan | None
    """None where no nodes are named."""
    prices: Mapping[str, float]
    """US dollars an hour by node type; empty without a list."""
    changes: Sequence[Change] | None
    """None where no cluster was asked."""


def tables(planned: Planned) -> Iterator[str]:
    """Yield a table of deployments, of nodes, of what does not fit, and of changes."""
    yield _deployments(planned)
    if planned.plan is not None:
        yield _nodes(planned.plan, planned.prices)
        if planned.plan.misfits:
            yield _misfits(planned.plan)
    if planned.changes is not None:
        yield _changes(planned.changes)


def _deployments(planned: Planned) -> str:
    columns = ["deployment", "for", "replicas", "each reserves"]
    rows = [[need.name, need.why, _bounds(need), reserved(need)] for need in planned.needs]
    if planned.plan is not None:
        columns += ["at least", "at most"]
        for need, row in zip(planned.needs, rows, strict=True):
            row += [_where(planned.plan.least, need), _where(planned.plan.most, need)]
    return table(columns, rows)


def _bounds(need: Need) -> str:
    return str(need.least) if need.least == need.most else f"{need.least} to {need.most}"


def reserved(need: Need) -> str:
    """Return what one replica takes, and what its node must have."""
    from headgate.serving.cluster.nodes import shown

    marks = [f"{name}={value}" for name, value in need.labels.items()]
    kind = [need.accelerator] if need.accelerator else []
    alone = [f"at most {need.per_node} a node"] if need.per_node else []
    return ", ".join([shown(need.resources), *kind, *marks, *alone])


def _where(placement: Placement, need: Need) -> str:
    places = [f"{count} on {name}" for name, count in placement.fit.replicas[need.name].items()]
    missing = placement.fit.missing.get(need.name)
    return ", ".join([*places, *([f"{missing} nowhere"] if missing else [])]) or "-"


def _nodes(plan: Plan, prices: Mapping[str, float]) -> str:
    columns = ["node type", "one has", "at least", "at most"]
    rows = [_node(kind, plan) for kind in plan.cluster.types]
    if not prices:
        return table(columns, rows, numbers=2)
    columns += ["usd an hour", "usd a month, at least", "at most"]
    for kind, row in zip(plan.cluster.types, rows, strict=True):
        price = prices[kind.name]
        row += [
            f"{price:g}",
            _usd(_month(plan.least, kind, prices)),
            _usd(_month(plan.most, kind, prices)),
        ]
    total = [_usd(each.usd_per_month) for each in (plan.least, plan.most)]
    return table(columns, [*rows, ["all", "", "", "", "", *total]], numbers=5)


def _node(kind: NodeType, plan: Plan) -> list[str]:
    from headgate.serving.cluster.nodes import shown

    marks = [f"{name}={value}" for name, value in kind.labels.items()]
    counts = [str(each.fit.nodes[kind.name]) for each in (plan.least, plan.most)]
    return [kind.name, ", ".join([shown(kind.resources), *marks]), *counts]


def _month(placement: Placement, kind: NodeType, prices: Mapping[str, float]) -> float:
    from headgate.serving.cluster.prices import usd_per_month

    return usd_per_month({kind.name: placement.fit.nodes[kind.name]}, prices)


def _usd(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.2f}"


def _misfits(plan: Plan) -> str:
    rows = [
        [each.need.name, f"{each.replicas} of {each.wanted}, at {when}", each.problem, each.remedy]
        for when, each in plan.misfits
    ]
    return table(["does not fit", "replicas", "why", "what to do"], rows)


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return "a deploy would change nothing"
    rows = [
        [each.app or "Serve", each.deployment or "-", each.key or "-", each.scope]
        for each in changes
    ]
    return table(["a deploy changes", "deployment", "key", "how"], rows)


def as_json(planned: Planned) -> dict[str, object]:
    """Return it for a program; `nodes`, `changes` and costs are null where nothing is known."""
    plan = planned.plan
    return {
        "deployments": [_need_as_json(need, plan) for need in planned.needs],
        "nodes": [_kind_as_json(kind, planned) for kind in plan.cluster.types] if plan else None,
        "does_not_fit": [_misfit_as_json(when, each) for when, each in plan.misfits]
        if plan
        else None,
        "usd_per_month": _costs(plan) if plan else None,
        "changes": planned.changes,
    }


def _need_as_json(need: Need, plan: Plan | None) -> dict[str, object]:
    placed = {
        "at_least_on": plan.least.fit.replicas[need.name] if plan else None,
        "at_most_on": plan.most.fit.replicas[need.name] if plan else None,
    }
    return {
        "application": need.app,
        "deployment": need.deployment,
        "for": need.why,
        "min_replicas": need.least,
        "max_replicas": need.most,
        "resources": need.resources,
        "labels": need.labels,
        "accelerator": need.accelerator,
        "max_replicas_per_node": need.per_node,
        **placed,
    }


def _kind_as_json(kind: NodeType, planned: Planned) -> dict[str, object]:
    assert planned.plan is not None  # noqa: S101 - for the types
    return {
        "type": kind.name,
        "head": kind.head,
        "resources": kind.resources,
        "labels": kind.labels,
        "min_nodes": kind.least,
        "max_nodes": kind.most,
        "needed_at_least": planned.plan.least.fit.nodes[kind.name],
        "needed_at_most": planned.plan.most.fit.nodes[kind.name],
        "usd_per_hour": planned.prices.get(kind.name),
    }


def _misfit_as_json(when: str, each: Misfit) -> dict[str, object]:
    return {
        "application": each.need.app,
        "deployment": each.need.deployment,
        "at": when,
        "replicas": each.replicas,
        "of": each.wanted,
        "problem": each.problem,
        "remedy": each.remedy,
    }


def _costs(plan: Plan) -> dict[str, float] | None:
    least, most = plan.least.usd_per_month, plan.most.usd_per_month
    return None if least is None or most is None else {"at_least": least, "at_most": most}
