"""The budget of a job: many records at once, and interrupted, it is still the cascade's budget.

arrive, admit, settle -> governor, and Event lists for the journal -> replayed after a restart
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.cascade.payment import Purse
from headgate.gate.budget import Admission, Demand, Grant
from headgate.stages.contract import Cell, PaidCell
from headgate.types import Judgement, Usage

Event = tuple[str, float, float, bool]
"""(what happened, two numbers and a truth about it)."""
_ARRIVED, _ASKED, _READ = "arrived", "asked", "read"
_SETTLED, _LOST = "settled", "lost"


class JobPurse(Purse):
    """A purse for records in bulk that can be brought to where an earlier run of the job left it.

    A bucket holds some 25 calls, and what thousands of records earn at one moment would be lost.
    So records that have arrived are told to the governor when a call needs what they earn, and
    the rest when the next ones arrive: at no moment are there more calls than the share of the
    records and a full bucket.

    The share depends on the records seen and the calls granted alone, so it goes on exactly after
    a restart. Money refills by time: after a restart it is counted as if it was just spent.
    """

    def __init__(self, inner: Purse) -> None:
        """Take over the governor of `inner`, with its full buckets."""
        super().__init__(inner.governor, rejects=inner.rejects)
        self._untold = 0
        self._events: list[Event] = []
        self._numbers: dict[Admission, int] = {}
        self._open: dict[int, Admission] = {}
        self._asked = 0

    def arrive(self, caller: str, records: int) -> None:
        """Count records, each of which earns its share of a call."""
        self._note(_ARRIVED, records, 0.0)
        super().arrive(caller, self._untold)
        self._untold = records

    def admit(self, demand: Demand, caller: str) -> Admission:
        """Reserve the largest cost of a call, or say why it is not made."""
        kind = _ASKED if demand.calls else _READ
        self._note(kind, demand.value, demand.cost_usd, truth=demand.required)
        while self._untold and self._lacks(demand):
            super().arrive(caller, 1)
            self._untold -= 1
        admission = super().admit(demand, caller)
        if admission.grant is Grant.ESCALATE:
            self._numbers[admission], self._open[self._asked] = self._asked, admission
        self._asked += 1
        return admission

    def settle(self, admission: Admission, cell: Cell | None) -> None:
        """Give back what a call did not cost."""
        number = self._numbers.pop(admission)
        del self._open[number]
        if isinstance(cell, PaidCell):
            self._note(_SETTLED, number, cell.usage.cost_usd, truth=cell.cached)
        else:
            self._note(_LOST, number, 0.0)
        super().settle(admission, cell)

    def take_events(self) -> list[Event]:
        """Return what happened since this was last called."""
        events, self._events = self._events, []
        return events

    def replay(self, events: Iterable[Event]) -> None:
        """Let what an earlier run told of its whole life happen again, in order."""
        for kind, first, second, truth in events:
            match kind:
                case "arrived":
                    self.arrive("", int(first))
                case "asked" | "read":
                    calls = int(kind == _ASKED)
                    self.admit(Demand(first, second, required=truth, calls=calls), "")
                case "settled":
                    self._settle_again(int(first), second, cached=truth)
                case _:
                    self._settle_again(int(first), None)
        # Granted now and not then, or never settled: such a call was not made.
        for number in list(self._open):
            self._settle_again(number, 0.0, cached=True)
        self._events.clear()

    def _settle_again(self, number: int, cost_usd: float | None, *, cached: bool = False) -> None:
        """Settle the call of that number, if it is granted now as it was then.

        Money refills by time, which a replay does not take.
        """
        admission = self._open.get(number)
        if admission is not None:
            paid = None if cost_usd is None else Judgement("", "", Usage(cost_usd=cost_usd), cached)
            self.settle(admission, paid)

    def _lacks(self, demand: Demand) -> bool:
        """Return whether the share does not hold a call, or sells it for more than it is worth."""
        gauge = None if self.governor is None else self.governor.snapshot().calls
        if gauge is None or not demand.calls:
            return False
        return gauge.level < 1 or not (demand.required or demand.value >= gauge.price)

    def _note(self, kind: str, first: float, second: float, *, truth: bool = False) -> None:
        if self.governor is not None:
            self._events.append((kind, first, second, truth))
