"""What would run where, what it would cost, and what does not fit.

needs, Cluster, prices  ->  Plan: a placement of the fewest and of the most replicas
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.serving.cluster.fit import Fit, fit
from headgate.serving.cluster.misfits import Misfit, misfits
from headgate.serving.cluster.needs import Need
from headgate.serving.cluster.nodes import Cluster
from headgate.serving.cluster.prices import usd_per_month


@dataclass(frozen=True, slots=True)
class Placement:
    """So many replicas of everything, on the nodes of a cluster."""

    fit: Fit
    misfits: Sequence[Misfit]
    usd_per_month: float | None
    """What its nodes cost if they run the whole month; None without prices."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The placement at rest, and the one under full load."""

    needs: Sequence[Need]
    cluster: Cluster
    least: Placement
    """With the fewest replicas of each deployment."""
    most: Placement
    """With the most."""

    @property
    def misfits(self) -> list[tuple[str, Misfit]]:
        """Return what does not fit, with whether that is so at `least` or only at `most`.

        A deployment that does not even fit at its fewest replicas is there once.
        """
        at_rest = {each.need.name for each in self.least.misfits}
        loaded = [each for each in self.most.misfits if each.need.name not in at_rest]
        rest = [("least", each) for each in self.least.misfits]
        return rest + [("most", each) for each in loaded]


def plan(
    needs: Sequence[Need], cluster: Cluster, prices: Mapping[str, float] | None = None
) -> Plan:
    """Return both placements.

    Args:
        needs: What is to run.
        cluster: On what.
        prices: US dollars an hour of every node type.
    """
    least = _placement([(need, need.least) for need in needs], cluster, prices)
    most = _placement([(need, need.most) for need in needs], cluster, prices)
    return Plan(needs, cluster, least, most)


def _placement(
    wanted: Sequence[tuple[Need, int]], cluster: Cluster, prices: Mapping[str, float] | None
) -> Placement:
    found = fit(wanted, cluster)
    usd = None if prices is None else usd_per_month(found.nodes, prices)
    return Placement(found, misfits(wanted, cluster, found), usd)
