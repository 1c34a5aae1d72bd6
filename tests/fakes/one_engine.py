"""A host of one engine that a test has made, for services and servers.

name, engine -> what services ask a host for
"""

from __future__ import annotations

from typing import Any

from headgate.errors import NotFoundError
from headgate.serving.metrics.calls import CallCounts


class OneEngine:
    """Knows one cascade, by its name or by none."""

    def __init__(self, name: str, engine: Any) -> None:
        self.calls = CallCounts()
        self._name = name
        self._engine = engine

    def engine(self, name: str) -> Any:
        """Return the engine."""
        if name not in ("", self._name):
            raise NotFoundError(name, "there is none", "Look.")
        return self._engine
