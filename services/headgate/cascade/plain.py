"""The plain values of a cascade file, read without trusting their types.

values of the YAML  ->  mappings, texts, stages of the flow: empty where something else stands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.cascade.mistakes import KeyPath

_TOP: KeyPath = ("spec", "flow")
_ANSWERING = {"match_columns": "retrieve", "answer_questions": "read"}
_ASKING = {"match_columns": "rerank", "answer_questions": "synthesise"}


@dataclass(frozen=True, slots=True)
class Stage:
    """One item of the flow; text that is missing or not text is empty."""

    index: int
    """Its position in its own flow."""
    name: str
    kind: str
    keys: Mapping[str, object]
    flow: KeyPath = _TOP
    """The path of the flow it is in."""
    operation: str = ""
    """Of the cascade."""

    @property
    def answers(self) -> bool:
        """Return whether a small model answers here: by a label, a target's column, a text."""
        searches = self.kind == "retrieve" and self._searches_target
        return searches or self.kind in ("classify", "read")

    @property
    def answering(self) -> str:
        """Return the kind of stage by which a small model answers in its flow."""
        return _ANSWERING.get(self.operation, "classify")

    @property
    def asking(self) -> str:
        """Return the kind of stage by which a large model is asked in its flow."""
        return _ASKING.get(self.operation, "verify")

    @property
    def decides(self) -> bool:
        """Return whether a large model is asked here."""
        return self.kind in ("verify", "rerank", "synthesise", "advise")

    @property
    def _searches_target(self) -> bool:
        """Return what the index says; for a part of a record, a target where it says nothing."""
        index = self.text("index")
        columns = self.operation == "match_columns"
        return index == "target" or (columns and index not in ("error_cases", "corpus"))

    def path(self, key: str) -> KeyPath:
        """Return the path of one of the stage's keys."""
        return (*self.flow, self.index, key)

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
    return _items(mapping_at(values, "spec"), _TOP, _operation(values))


def unit_stages_of(values: object) -> list[Stage]:
    """Return the items of the flow that one unit passes: of a for_each over parts of records."""
    stages = stages_of(values)
    for stage in stages:
        if stage.kind == "for_each" and stage.operation != "answer_questions":
            return inner_stages_of(stage)
    return stages


def inner_stages_of(stage: Stage) -> list[Stage]:
    """Return the items of the flow of a for_each."""
    return _items(stage.keys, stage.path("flow"), stage.operation)


def all_stages_of(values: object) -> list[Stage]:
    """Return the items of the flow, each for_each followed by those of its own flow."""
    found = []
    for stage in stages_of(values):
        found.append(stage)
        if stage.kind == "for_each":
            found += inner_stages_of(stage)
    return found


def _operation(values: object) -> str:
    return text_at(mapping_at(mapping_at(values, "spec"), "task"), "operation")


def _items(holder: Mapping[str, object], path: KeyPath, operation: str) -> list[Stage]:
    flow = holder.get("flow")
    stages = []
    for index, item in enumerate(flow if isinstance(flow, list) else []):
        keys = item if isinstance(item, Mapping) else {}
        name, kind = text_at(keys, "name"), text_at(keys, "kind")
        stages.append(Stage(index, name, kind, keys, path, operation))
    return stages
