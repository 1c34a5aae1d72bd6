"""Token buckets that are never overdrawn, and the price of what is in them.

elapsed seconds or requests  ->  level  ->  taken or not, value asked for a unit
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

STEP = 0.05
"""How much value more is asked of a call for each call's worth that the bucket lacks."""
_FOLLOWING = 0.02
"""Weight of the newest demand in the typical cost: it remembers about the last 50."""
_LOOKED_AT = 8
"""Callers that are looked at, when there is no room, for one that can be forgotten."""


class Unit(StrEnum):
    """What a budget is counted in."""

    CALLS = "calls"
    USD = "usd"


@dataclass(frozen=True, slots=True)
class Allowance:
    """The refill and the size of one bucket."""

    rate: float
    """US dollars a second, or calls a request."""
    capacity: float
    """US dollars or calls; a call whose worst case costs more is never granted."""


class RequestCount:
    """A clock that ticks once a request, for buckets that refill by a share of the requests."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self) -> float:
        """Return how many requests were seen."""
        return float(self.seen)


class Bucket:
    """A budget that refills steadily up to a capacity, and starts full.

    Between any two moments, what is taken less what is given back is at most the capacity and
    what the bucket earned in between, to within rounding. A clock that goes back earns nothing
    until it is again where it was.
    """

    def __init__(
        self, rate_per_s: float, capacity: float, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a full bucket.

        Args:
            rate_per_s: What it earns in a second; a share of calls where `now_s` counts requests.
            capacity: The most it holds.
            now_s: The clock; a `RequestCount` makes a share bucket.

        Raises:
            ValueError: A number is negative or not finite.
        """
        self.rate_per_s = require_amount("rate_per_s", rate_per_s)
        self.capacity = require_amount("capacity", capacity)
        self._now_s = now_s
        self._earned_until_s = now_s()
        self._level = self.capacity

    @property
    def level(self) -> float:
        """What may be taken now, between 0 and the capacity."""
        self._earn()
        return self._level

    @property
    def full(self) -> bool:
        """Whether it is as good as new."""
        return self.level >= self.capacity

    def holds(self, amount: float) -> bool:
        """Return whether `take` would succeed."""
        return require_amount("amount", amount) <= self.level

    def take(self, amount: float) -> bool:
        """Take all of `amount` and return True, or take nothing and return False.

        Raises:
            ValueError: It is negative or not finite.
        """
        if not self.holds(amount):
            return False
        self._level -= amount
        return True

    def give_back(self, amount: float) -> None:
        """Put back what was taken and not used; what no longer fits is lost.

        Raises:
            ValueError: It is negative or not finite.
        """
        require_amount("amount", amount)
        self._earn()
        self._add(amount)

    def _earn(self) -> None:
        now_s = self._now_s()
        if now_s > self._earned_until_s:
            self._add(self.rate_per_s * (now_s - self._earned_until_s))
            self._earned_until_s = now_s

    def _add(self, amount: float) -> None:
        self._level = min(self.capacity, self._level + amount)


class PricedBucket(Bucket):
    """A bucket that asks more value of a unit the more is demanded beyond what it earns.

    It runs a count of what was spent, plus what was required and could not be paid, less what
    was earned, never below zero: the dual variable of "spend no more than you earn". Divided by
    the typical cost of a demand it is a number of calls, and each is worth `STEP`. Counting in
    calls rather than in seconds makes the price move alike in budgets of any size, for money
    and for shares: the typical cost of a call is its unit of account.

    Source:
        Online allocation by dual descent (Balseiro, Lu and Mirrokni 2020, arXiv:2011.10124), with
        the running count in the place of the price.
    """

    def __init__(
        self, rate_per_s: float, capacity: float, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(rate_per_s, capacity, now_s=now_s)
        self._excess = 0.0
        self._typical = 0.0

    @property
    def price(self) -> float:
        """The value asked for one unit; 0 before the first demand that costs something."""
        self._earn()
        return STEP * self._excess / self._typical / self._typical if self._typical else 0.0

    def see(self, cost: float) -> None:
        """Let a demand count towards the typical cost, whatever becomes of it."""
        if require_amount("cost", cost) == 0:
            return
        weight = _FOLLOWING if self._typical else 1.0
        self._typical += weight * (cost - self._typical)

    def worth(self, value: float, cost: float) -> bool:
        """Return whether `value` is what `cost` units are sold for now."""
        return value >= self.price * cost

    def take(self, amount: float) -> bool:
        """Take all of `amount` and let the price rise, or take nothing and return False."""
        taken = super().take(amount)
        if taken:
            self._excess += amount
        return taken

    def miss(self, cost: float) -> None:
        """Let the price rise for a demand that had to be met and could not be paid.

        Such demands can raise the price of a typical call by 1 at most, the largest value there
        is, above that of an empty bucket: it keeps the rest out, and comes down again in time.
        """
        self._earn()
        ceiling = self.capacity + self._typical / STEP
        self._excess = max(self._excess, min(self._excess + cost, ceiling))

    def _add(self, amount: float) -> None:
        super()._add(amount)
        self._excess = max(0.0, self._excess - amount)


Kind = TypeVar("Kind", bound=Bucket)


def open_buckets(
    kind: type[Kind],
    allowances: Mapping[Unit, Allowance],
    *,
    requests: RequestCount,
    now_s: Callable[[], float],
) -> dict[Unit, Kind]:
    """Return a full bucket for each allowance: a share refills by requests, money by time."""
    return {
        unit: kind(each.rate, each.capacity, now_s=requests if unit is Unit.CALLS else now_s)
        for unit, each in allowances.items()
    }


class Account:
    """The priced buckets of one cascade or caller, one for each unit that is limited."""

    def __init__(
        self, allowances: Mapping[Unit, Allowance], *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.requests = RequestCount()
        self.buckets = open_buckets(PricedBucket, allowances, requests=self.requests, now_s=now_s)

    @property
    def full(self) -> bool:
        """Whether a new account would hold no more."""
        return all(bucket.full for bucket in self.buckets.values())


class Callers:
    """An account for each caller, up to a number of them; the others share one.

    A caller is forgotten only when its account is full: otherwise it could spend, let others push
    it out, and start afresh. A share is earned by requests alone, so callers that spent some and
    never came back keep their place; a few are looked at, the longest unseen first, so that they
    do not keep it for those who could be forgotten.
    """

    def __init__(
        self,
        allowances: Mapping[Unit, Allowance],
        *,
        max_callers: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowances, self._max_callers, self._now_s = allowances, max_callers, now_s
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._shared = Account(allowances, now_s=now_s)

    def account(self, caller: str) -> Account:
        """Return the caller's account, or the shared one when there is no room for its own."""
        if not self._allowances:
            return self._shared
        if caller not in self._accounts:
            if len(self._accounts) >= self._max_callers and not self._make_room():
                return self._shared
            self._accounts[caller] = Account(self._allowances, now_s=self._now_s)
        self._accounts.move_to_end(caller)
        return self._accounts[caller]

    def _make_room(self) -> bool:
        for _ in range(min(_LOOKED_AT, len(self._accounts))):
            caller, account = next(iter(self._accounts.items()))
            if account.full:
                del self._accounts[caller]
                return True
            self._accounts.move_to_end(caller)
        return False


def require_amount(name: str, amount: float) -> float:
    """Return `amount` when it is finite and not negative.

    Raises:
        ValueError: It is not.
    """
    if not math.isfinite(amount) or amount < 0:
        raise ValueError(f"{name} is {amount!r}; it must be finite and not negative")
    return amount
