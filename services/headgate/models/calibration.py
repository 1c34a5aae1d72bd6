"""Texts on which the int8 encoder learns the range of its activations.

They only have to look like what encoders here read: log lines, sentences, column names,
questions, of many lengths. The encoder's answers do not depend on their meaning.
"""

from __future__ import annotations

import numpy as np

_SUBJECTS = (
    "the primary controller", "a worker thread", "interface eth3/0/1", "the license server",
    "session 48213", "the backup job", "disk array 7", "user admin", "the routing daemon",
    "a stale cache entry", "the message queue", "port 8443", "the scheduler", "sensor T-104",
    "the certificate", "an unknown peer", "table customer_orders", "the firmware image",
)  # fmt: skip
_EVENTS = (
    "failed to start", "was restarted by the operator", "exceeded its memory limit",
    "recovered after a short outage", "is now in standby", "lost the connection to its peer",
    "reported a checksum mismatch", "finished without errors", "was removed from the group",
    "timed out while waiting for a reply", "changed state from down to up", "has expired",
    "rejected the request", "entered the maintenance window", "was deleted", "is overheating",
)  # fmt: skip
_REASONS = (
    "because the configuration is invalid", "after 3 retries", "due to a duplicate address",
    "since the upstream service did not answer in time", "because the quota was reached",
    "as requested by the administrator", "following a power failure in rack 12",
    "(error code 0x80070005)", "and no spare unit was available", "for an unknown reason",
)  # fmt: skip
_FRAMES = (
    "{time} {level} {module}: {subject} {event}",
    "{module}-{digit}-{code}: {subject} {event} {reason}.",
    "{module}/{digit}/{code}:{subject} {event}. (Id=[{number}], Reason=[STRING])",
    "This message is generated when {subject} {event} {reason}.",
    "{subject} {event} {reason}. To resolve it, check that {subject2} is reachable and try again.",
    "Why did {subject} report that {subject2} {event}?",
    "{column} {column2} {number}",
    "kernel: [{number}.{digit}] {module}: {event}",
    "{long}",
)
_MODULES = ("kernel", "AUTH", "netd", "STORAGE", "dfs.DataNode", "scheduler", "LINK", "httpd")
_CODES = ("LINK_DOWN", "OPENFAIL", "RESTARTED", "MEM_EXCEED", "STATE_CHANGE", "HEARTBEAT_LOST")
_COLUMNS = ("patient_age", "OrderDate", "zip code", "tumor_grade", "unit price", "country", "id")


def calibration_texts(count: int) -> list[str]:
    """Return texts of mixed kinds and lengths, few of them twice; the same ones every time."""
    rng = np.random.default_rng(20)
    return [_text(rng) for _ in range(count)]


def _text(rng: np.random.Generator) -> str:
    """Return one text."""

    def pick(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    def sentence() -> str:
        return f"{pick(_SUBJECTS)} {pick(_EVENTS)} {pick(_REASONS)}.".capitalize()

    sentences = " ".join(sentence() for _ in range(int(rng.integers(2, 7))))
    return pick(_FRAMES).format(
        time=f"2026-{rng.integers(1, 13):02}-{rng.integers(1, 29):02} 10:{rng.integers(60):02}:07",
        level=pick(("INFO", "WARN", "ERROR", "notice")),
        module=pick(_MODULES),
        code=pick(_CODES),
        subject=pick(_SUBJECTS),
        subject2=pick(_SUBJECTS),
        event=pick(_EVENTS),
        reason=pick(_REASONS),
        column=pick(_COLUMNS),
        column2=pick(_COLUMNS),
        number=int(rng.integers(10, 10_000_000)),
        digit=int(rng.integers(1, 8)),
        long=sentences,
    )
