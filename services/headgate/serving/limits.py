"""What a gateway accepts, and the deadline it gives a call.

request -> counts, sizes, ids -> InputError or nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headgate.errors import DeadlineError, InputError
from headgate.types import Deadline


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one gateway."""

    max_message_bytes: int = 4 * 1024 * 1024
    """Larger messages are refused by the transport with RESOURCE_EXHAUSTED."""
    max_items: int = 1_000
    """Most records, queries or items in one request."""
    max_item_bytes: int = 64 * 1024
    """Most bytes of one record, over all its texts."""
    max_in_flight: int = 512
    """Most calls at work at once; more are refused at once with RESOURCE_EXHAUSTED."""
    max_deadline_s: float = 120.0
    """Longest time a call may take, whatever its caller allows."""
    max_top_k: int = 100
    """Most documents a query."""
    reply_s: float = 0.25
    """Kept of the caller's time for the way back, or a tenth of it when that is less."""

    def deadline(self, remaining_s: float | None) -> Deadline:
        """Return the call's deadline: the caller's own, capped, less the time for the reply.

        An engine that works until the caller's last moment would give up with the best earlier
        answers in its hands, and nobody there to take them.

        Args:
            remaining_s: Seconds the caller still waits; None when it set no deadline.

        Raises:
            DeadlineError: It has passed.
        """
        allowed_s = self.max_deadline_s if remaining_s is None else remaining_s
        if allowed_s <= 0:
            raise DeadlineError("request", "its deadline has passed", "Allow more time.")
        capped_s = min(allowed_s, self.max_deadline_s)
        return Deadline.after(capped_s - min(self.reply_s, capped_s / 10))

    def check_count(self, place: str, count: int) -> None:
        """Refuse an empty batch and one that is too long.

        Raises:
            InputError: It is.
        """
        if count == 0:
            raise InputError(place, "it is empty", "Send at least one.")
        if count > self.max_items:
            raise InputError(
                place, f"it has {count} entries", f"Send at most {self.max_items} at once."
            )

    def check_sizes(self, place: str, sizes_bytes: Iterable[int], most_bytes: int) -> None:
        """Refuse a batch with an entry of more than `most_bytes`.

        Raises:
            InputError: Names the entry.
        """
        for index, size_bytes in enumerate(sizes_bytes):
            if size_bytes > most_bytes:
                raise InputError(
                    f"{place}[{index}]",
                    f"it has {size_bytes} bytes",
                    f"Send at most {most_bytes} bytes an entry.",
                )


def check_ids(place: str, ids: Sequence[str]) -> None:
    """Refuse a batch in which two entries have one id.

    Raises:
        InputError: Names the second one.
    """
    seen: set[str] = set()
    for index, each in enumerate(ids):
        if each in seen:
            raise InputError(
                f"{place}[{index}].id",
                "an earlier entry has the same id",
                "Give each its own, or none.",
            )
        seen.add(each)


def check_given(place: str, field: str, texts: Sequence[str]) -> None:
    """Refuse a batch in which an entry lacks a text that it must have.

    Raises:
        InputError: Names the entry and its field.
    """
    for index, text in enumerate(texts):
        if not text:
            raise InputError(f"{place}[{index}].{field}", "it is empty", "Give one to each entry.")
