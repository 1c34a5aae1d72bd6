"""Spans that remember what was told of them, as a tree.

RecordedSpan("call") entered -> engine -> its tree of names, and every fact
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from headgate.spans import Fact, Facts


@dataclass
class RecordedSpan:
    """One span; those below it are in the order in which they began."""

    name: str
    facts: dict[str, Fact] = field(default_factory=dict)
    below: list[RecordedSpan] = field(default_factory=list)
    shared: dict[str, Fact] = field(default_factory=dict)
    reason: str = ""
    outgoing: bool = False
    ended: int = 0
    recording = True
    trace_id = "t" * 32

    def child(self, name: str, facts: Facts, *, outgoing: bool = False) -> RecordedSpan:
        """Begin a span below it."""
        begun = RecordedSpan(name, {**self.shared, **facts}, outgoing=outgoing)
        begun.shared = dict(self.shared)
        self.below.append(begun)
        return begun

    def note(self, facts: Facts) -> None:
        """Remember facts."""
        self.facts.update(facts)

    def share(self, facts: Facts) -> None:
        """Remember facts, for those below it too."""
        self.note(facts)
        self.shared.update(facts)

    def fail(self, reason: str) -> None:
        """Remember why."""
        self.reason = reason

    def end(self) -> None:
        """Count it."""
        self.ended += 1

    @property
    def tree(self) -> dict[str, object]:
        """Return the names below it; of several with one name the first."""
        found: dict[str, object] = {}
        for each in self.below:
            found.setdefault(each.name, each.tree)
        return found

    def all(self) -> Iterator[RecordedSpan]:
        """Yield it and all below it."""
        yield self
        for each in self.below:
            yield from each.all()

    def named(self, name: str) -> RecordedSpan:
        """Return the only span of that name, at any depth."""
        (found,) = [each for each in self.all() if each.name == name]
        return found

    def told(self, name: str) -> Mapping[str, Fact]:
        """Return the facts of the only span of that name, without the word before the point."""
        return {key.removeprefix("headgate."): fact for key, fact in self.named(name).facts.items()}
