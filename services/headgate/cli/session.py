"""What was said before the verb and holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Session:
    """The global options of one command line."""

    debug: bool = False
    """Whether errors show where they happened, and Ray says what it does."""
