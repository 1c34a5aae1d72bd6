"""The budget governor: whether the large model may be called now, within hard limits.

value, worst-case cost, caller  ->  buckets of the cascade and of the caller, with their prices
                                ->  escalate, keep or exhausted; then the actual cost
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headgate.gate.buckets import (
    Account,
    Allowance,
    Bucket,
    Callers,
    PricedBucket,
    Unit,
    open_buckets,
    require_amount,
)

BURST_CALLS = 25.0
"""Calls that a share budget saves up. A price that rises by 0.05 a call then passes every value
before the nine tenths that are not for audits run out, so the last calls go to the best."""
BURST_HOURS = 1 / 6
"""Hours whose money is saved up when no burst is stated: any hour costs at most 7/6 of its rate,
and at 5 USD an hour the tenth that is for audits still holds a call of 8 cents."""
MAX_CALLERS = 10_000
_ROUNDING = 1e-9
"""Share of a reservation by which sums of prices may differ from it."""


class Grant(StrEnum):
    """What the governor decided."""

    ESCALATE = "escalate"
    """Call the large model; the cost is reserved."""
    KEEP = "keep"
    """The call is not worth its price, or not required and cannot be paid."""
    EXHAUSTED = "exhausted"
    """The call is required and cannot be paid."""


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """What may be spent, by a cascade or by each caller; nothing stated is no limit."""

    llm_share: float | None = None
    """Calls to the large model as a share of requests, between 0 and 1, over the long run: at no
    moment were there more than their share and `BURST_CALLS`, or one more for a small part."""
    usd_per_hour: float | None = None
    """US dollars an hour, over the long run."""
    burst_usd: float | None = None
    """US dollars by which any period may cost more than its rate; by default, what
    `BURST_HOURS` earn. The worst case of a call must fit into its part of it."""
    audit_share: float = 0.1
    """Part of each budget that is for audits alone, between 0 and 1. Audits are paid by the
    cascade; of a caller's budget, this part is left unspent for those of its requests."""

    def __post_init__(self) -> None:
        """Refuse what is not a budget.

        Raises:
            ValueError: A number is out of its range, or a burst has no rate.
        """
        for name in ("llm_share", "audit_share"):
            if require_amount(name, getattr(self, name) or 0.0) > 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; a share is at most 1")
        require_amount("usd_per_hour", self.usd_per_hour or 0.0)
        if self.burst_usd is None:
            return
        if self.usd_per_hour is None:
            raise ValueError("burst_usd is stated without usd_per_hour")
        if require_amount("burst_usd", self.burst_usd) == 0:
            raise ValueError("burst_usd is 0; no call would ever fit into it")

    def for_answers(self) -> dict[Unit, Allowance]:
        """Return the bucket that pays for answers, of each unit that is limited."""
        return self._part(1 - self.audit_share)

    def for_audits(self) -> dict[Unit, Allowance]:
        """Return the bucket that pays for audits, of each unit that is limited."""
        return self._part(self.audit_share)

    def _part(self, part: float) -> dict[Unit, Allowance]:
        allowances = {}
        if self.llm_share is not None:
            rate = self.llm_share * part
            # A part with a fraction of a call for its capacity would never pay for one.
            capacity = max(1.0, BURST_CALLS * part) if rate > 0 else 0.0
            allowances[Unit.CALLS] = Allowance(rate, capacity)
        if self.usd_per_hour is not None:
            burst_usd = self.usd_per_hour * BURST_HOURS
            burst_usd = burst_usd if self.burst_usd is None else self.burst_usd
            allowances[Unit.USD] = Allowance(self.usd_per_hour * part / 3600, burst_usd * part)
        return allowances


@dataclass(frozen=True, slots=True)
class Demand:
    """A call that the gate would like to make."""

    value: float
    """Chance that it mends the answer: the small model is wrong and the large one right."""
    cost_usd: float
    """The most it can cost."""
    required: bool
    """Whether the certificate asks for it, whatever its value."""
    calls: int = 1
    """What it counts against a share of calls: 0 where money alone limits it, as with a call of a
    small language model."""

    def __post_init__(self) -> None:
        """Refuse numbers that are negative or not finite.

        Raises:
            ValueError: One is.
        """
        require_amount("value", self.value)
        require_amount("cost_usd", self.cost_usd)


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """The answer to one demand; each is settled by itself, so none equals another."""

    grant: Grant
    reserved_usd: float = 0.0
    audit: bool = False
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Spending:
    """What was granted so far, and not given back."""

    calls: int = 0
    usd: float = 0.0
    """Settled costs, and reservations that are not settled yet."""

    def plus(self, calls: int, usd: float) -> Spending:
        """Return the sum; what is given back is negative."""
        # A sum that was given back in other portions may miss 0 by a rounding error.
        return Spending(self.calls + calls, max(0.0, self.usd + usd))


@dataclass(frozen=True, slots=True)
class Gauge:
    """The cascade's budget in one unit."""

    level: float
    audit_level: float
    price: float
    """The value asked for one unit."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The governor at one moment."""

    answers: Spending
    audits: Spending
    calls: Gauge | None
    """None when the share of calls is not limited."""
    usd: Gauge | None
    """None when money is not limited."""
    in_flight: int
    """Grants that are not settled yet, audits included."""
    exhausted: int
    """Required calls that could not be paid."""
    refused_audits: int


_Payers = Sequence[tuple[Unit, Bucket]]


class Governor:
    """Grants calls to the large model; what it grants is never more than every limit allows.

    A call is granted when it is required or worth its price, and when the cascade's buckets and
    the caller's can all pay; otherwise nothing is taken from any. It must be worth the price of
    each limited unit by itself: a call costs 1 of the share, and its worst case in dollars. A
    required call that cannot be paid raises the price of the buckets that could not pay it, so
    one caller's spent budget changes nothing for the others. Without any limit, all that is
    required or of some value is granted. Safe to share between threads.
    """

    def __init__(
        self,
        budget: BudgetLimits,
        *,
        per_caller: BudgetLimits | None = None,
        max_callers: int = MAX_CALLERS,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with full buckets.

        Args:
            budget: The limits of the cascade.
            per_caller: The limits of each caller; None for none.
            max_callers: Callers with an account of their own.
            now_s: A monotonic clock, in seconds.
        """
        self._lock = threading.Lock()
        self._cascade = Account(budget.for_answers(), now_s=now_s)
        self._audits = open_buckets(
            Bucket, budget.for_audits(), requests=self._cascade.requests, now_s=now_s
        )
        allowances = per_caller.for_answers() if per_caller is not None else {}
        self._callers = Callers(allowances, max_callers=max_callers, now_s=now_s)
        self._open: dict[Admission, _Payers] = {}
        self._answered, self._audited = Spending(), Spending()
        self._exhausted = self._refused_audits = 0

    def arrive(self, caller: str) -> None:
        """Count one request, which earns its share of a call for the cascade and its caller."""
        with self._lock:
            for account in self._accounts(caller):
                account.requests.seen += 1

    def admit(self, demand: Demand, caller: str) -> Admission:
        """Decide about one call; `ESCALATE` reserves its cost until it is settled or cancelled."""
        costs = _amounts(demand.calls, demand.cost_usd)
        with self._lock:
            buckets = [pair for each in self._accounts(caller) for pair in each.buckets.items()]
            for unit, bucket in buckets:
                bucket.see(costs[unit])
            short = [pair for pair in buckets if not pair[1].holds(costs[pair[0]])]
            if not demand.required and (short or not _worth(demand.value, costs, buckets)):
                return Admission(Grant.KEEP)
            if not short:
                granted = Admission(Grant.ESCALATE, demand.cost_usd, calls=demand.calls)
                return self._reserve(granted, buckets)
            for unit, bucket in short:
                bucket.miss(costs[unit])
            self._exhausted += 1
            return Admission(Grant.EXHAUSTED)

    def admit_audit(self, cost_usd: float, calls: int = 1) -> Admission | None:
        """Reserve the worst-case cost of one audit; None when the audits' part cannot pay it.

        Args:
            cost_usd: The most it can cost.
            calls: As of a `Demand`.

        Raises:
            ValueError: The cost is negative or not finite.
        """
        costs = _amounts(calls, require_amount("cost_usd", cost_usd))
        with self._lock:
            if not all(bucket.holds(costs[unit]) for unit, bucket in self._audits.items()):
                self._refused_audits += 1
                return None
            admission = Admission(Grant.ESCALATE, cost_usd, audit=True, calls=calls)
            return self._reserve(admission, list(self._audits.items()))

    def settle(self, admission: Admission, actual_usd: float) -> None:
        """Give back what a call did not cost.

        Raises:
            ValueError: The cost is negative, not finite or more than was reserved; or nothing is
                reserved, because it was settled before or never granted.
        """
        reserved_usd = admission.reserved_usd
        if require_amount("actual_usd", actual_usd) > reserved_usd * (1 + _ROUNDING):
            raise ValueError(
                f"a call cost {actual_usd!r} USD where {reserved_usd!r} were reserved. "
                "This is a bug."
            )
        self._close(admission, calls=0, usd=max(0.0, reserved_usd - actual_usd))

    def cancel(self, admission: Admission) -> None:
        """Give everything back: the call was never sent, as when a cache had the answer.

        Raises:
            ValueError: Nothing is reserved.
        """
        self._close(admission, calls=admission.calls, usd=admission.reserved_usd)

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment."""
        with self._lock:
            return Snapshot(
                answers=self._answered,
                audits=self._audited,
                calls=self._gauge(Unit.CALLS),
                usd=self._gauge(Unit.USD),
                in_flight=len(self._open),
                exhausted=self._exhausted,
                refused_audits=self._refused_audits,
            )

    def _accounts(self, caller: str) -> tuple[Account, Account]:
        return self._cascade, self._callers.account(caller)

    def _reserve(self, admission: Admission, payers: _Payers) -> Admission:
        costs = _amounts(admission.calls, admission.reserved_usd)
        for unit, bucket in payers:
            bucket.take(costs[unit])
        self._open[admission] = payers
        self._book(admission, calls=admission.calls, usd=admission.reserved_usd)
        return admission

    def _close(self, admission: Admission, *, calls: int, usd: float) -> None:
        unused = _amounts(calls, usd)
        with self._lock:
            payers = self._open.pop(admission, None)
            if payers is None:
                raise ValueError(
                    "nothing is reserved for this call: it was settled before, or not granted. "
                    "This is a bug."
                )
            for unit, bucket in payers:
                bucket.give_back(unused[unit])
            self._book(admission, calls=-calls, usd=-usd)

    def _book(self, admission: Admission, *, calls: int, usd: float) -> None:
        if admission.audit:
            self._audited = self._audited.plus(calls, usd)
        else:
            self._answered = self._answered.plus(calls, usd)

    def _gauge(self, unit: Unit) -> Gauge | None:
        if unit not in self._audits:
            return None
        bucket = self._cascade.buckets[unit]
        return Gauge(bucket.level, self._audits[unit].level, bucket.price)


def _amounts(calls: int, usd: float) -> dict[Unit, float]:
    return {Unit.CALLS: calls, Unit.USD: usd}


def _worth(
    value: float, costs: Mapping[Unit, float], buckets: list[tuple[Unit, PricedBucket]]
) -> bool:
    return value > 0 and all(bucket.worth(value, costs[unit]) for unit, bucket in buckets)
