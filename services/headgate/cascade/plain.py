"""The plain values of a cascade file, read without trusting their types.

values of the YAML  ->  mappings, texts, stages of the flow: empty where something else stands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.cascade.mistakes import KeyPath


@dataclass(frozen=True, slots=True)
class Stage:
    """One item of the flow; text that is missing or not text is empty."""

    index: int
    name: str
    kind: str
    keys: Mapping[str, object]

    def path(self, key: str) -> KeyPath:
        """Return the path of one of the stage's keys."""
        return ("spec", "flow", self.index, key)

    def text(self, key: str) -> str:
        """Return the text of one of the stage's keys; empty when there is none."""
        return text_at(self.keys, key)


def mapping_at(values: object, key: str) -> Mapping[str, object]:
    """Return the mapping at `key`; an empty one when there is none."""
    value = values.get(key) if isinstance(values, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text_at(values: Mapping[str, object], key: str) -> str:
    """Return the text at `key`; empty when there is none."""
    value = values.get(key)
    return value if isinstance(value, str) else ""


def stages_of(values: object) -> list[Stage]:
    """Return the items of the flow of a whole cascade file."""
    flow = mapping_at(values, "spec").get("flow")
    items = flow if isinstance(flow, list) else []
    stages = []
    for index, item in enumerate(items):
        keys = item if isinstance(item, Mapping) else {}
        stages.append(Stage(index, text_at(keys, "name"), text_at(keys, "kind"), keys))
    return stages
