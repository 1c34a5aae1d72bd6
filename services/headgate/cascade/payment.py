"""Pays for calls of the large model before they are made.

largest cost, value, caller -> Governor -> Admission -> the actual cost is settled

Without a governor, as in an evaluation, everything is granted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from headgate.cascade.deferral import DeferralSpec
from headgate.errors import BudgetError, HeadgateError
from headgate.gate.budget import Admission, BudgetLimits, Demand, Governor, Grant
from headgate.stages.contract import Cell, PaidCell
from headgate.types import Judgement

log = logging.getLogger(__name__)


def purse_of(deferral: DeferralSpec) -> Purse:
    """Return the purse that the file asks for, with full buckets.

    The share is a limit wherever one is in force: stated, or 0.15 without a certificate.
    """
    budget, own = deferral.budget, deferral.budget.per_caller
    audit_share = budget.audit_share if deferral.audits is not None else 0.0
    share = budget.llm_share if deferral.certificate is not None else deferral.share
    limits = BudgetLimits(share, budget.usd_per_hour, budget.burst_usd, audit_share)
    callers = None if own is None else BudgetLimits(own.llm_share, own.usd_per_hour, None, 0.0)
    rejects = budget.on_exhausted == "reject"
    return Purse(Governor(limits, per_caller=callers), rejects=rejects)


class Purse:
    """The budget of one cascade."""

    def __init__(self, governor: Governor | None = None, *, rejects: bool = False) -> None:
        """Start with the governor's full buckets.

        Args:
            governor: Who grants calls; None grants all.
            rejects: Whether a record whose call cannot be paid gets an error and no answer.
        """
        self.governor = governor
        self.rejects = rejects

    def arrive(self, caller: str, records: int) -> None:
        """Count records, each of which earns its share of a call."""
        if self.governor is not None:
            for _ in range(records):
                self.governor.arrive(caller)

    def admit(self, demand: Demand, caller: str) -> Admission:
        """Reserve the largest cost of a call, or say why it is not made."""
        if self.governor is None:
            return Admission(Grant.ESCALATE)
        return self.governor.admit(demand, caller)

    def admit_audit(self, cost_usd: float, calls: int = 1) -> Admission | None:
        """Reserve the largest cost of an audit; None when its part of the budget is spent."""
        if self.governor is None:
            return Admission(Grant.ESCALATE)
        return self.governor.admit_audit(cost_usd, calls)

    def settle(self, admission: Admission, cell: Cell | None) -> None:
        """Give back what a call did not cost.

        A call that failed or was left may have been sent, and more than once: it stays paid.

        Args:
            admission: What was granted.
            cell: What came of it; None when nobody waited for it.
        """
        if self.governor is None:
            return
        if not isinstance(cell, PaidCell):
            self.governor.settle(admission, admission.reserved_usd)
        elif cell.cached:
            self.governor.cancel(admission)
        else:
            cost_usd = _within(admission.reserved_usd, cell.usage.cost_usd)
            self.governor.settle(admission, cost_usd)

    def settle_all(self, admissions: Sequence[Admission], cells: Sequence[Cell | None]) -> None:
        """Give back what calls did not cost that records may have shared.

        The usage of a shared prompt sits on one of its records; each bears its part of it.
        """
        pairs = [*zip(admissions, cells, strict=True)]
        answered = [(each, cell) for each, cell in pairs if isinstance(cell, Judgement)]
        reserved_usd = sum(each.reserved_usd for each, cell in answered if not cell.cached)
        part = 0.0
        if reserved_usd:  # nothing is reserved where nobody counts, or where nothing costs
            cost_usd = sum(cell.usage.cost_usd for _, cell in answered)
            part = _within(reserved_usd, cost_usd) / reserved_usd
        for admission, cell in pairs:
            self.settle(admission, _bearing(cell, part * admission.reserved_usd))


class StepPurse(Purse):
    """What the steps of a question are paid from: its cascade's purse, of which they take money.

    The question itself was admitted, and counts against the share of calls, once. So its steps
    are wanted at any price: an answer from half of them is not what the question was sent on for.
    """

    def __init__(self, whole: Purse) -> None:
        """Pay from the purse of the cascade."""
        super().__init__(whole.governor, rejects=whole.rejects)
        self._whole = whole

    def arrive(self, caller: str, records: int) -> None:
        """Do nothing: a step earns no share of a call."""

    def admit(self, demand: Demand, caller: str) -> Admission:
        """Reserve the largest cost of a call, or say why it is not made."""
        return self._whole.admit(replace(demand, calls=0, required=True), caller)

    def settle(self, admission: Admission, cell: Cell | None) -> None:
        """Give back what a call did not cost."""
        self._whole.settle(admission, cell)


def _bearing(cell: Cell | None, cost_usd: float) -> Cell | None:
    """Return what came of a call with its part of what was paid for it and others."""
    if not isinstance(cell, Judgement) or cell.cached:
        return cell
    return replace(cell, usage=replace(cell.usage, cost_usd=cost_usd))


def _within(reserved_usd: float, cost_usd: float) -> float:
    """Return a cost of at most the reservation, which is an upper bound of what was asked for."""
    if cost_usd > reserved_usd:
        log.warning("cost_above_bound cost=%s bound=%s", cost_usd, reserved_usd)
    return min(cost_usd, reserved_usd)


def exhausted(place: str) -> HeadgateError:
    """Return the error of a record whose call cannot be paid."""
    return BudgetError(
        place, "the budget of the large model is spent", "Try again later, or raise the budget."
    )
