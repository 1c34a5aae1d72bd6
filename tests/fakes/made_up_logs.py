"""Log lines of invented machines that anybody can tell apart, and cascades that are fitted on them.

row number -> event, numbers filled in -> a row of an operation -> JSON Lines
models, flow -> cascade folder: cascade.yaml, prompts/decide.md -> LoadedCascade
answers by row -> answers.jsonl, the recordings of a large model
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.logs import FIELDS, Operation
from headgate.domains.rows import read_labelled
from headgate.fitting.fit import Rows

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens to a machine."""

    system: str
    level: str
    log: str
    """Two numbers are filled in."""
    description: str
    cause: str


EVENTS = (
    Event(
        "storage",
        "error",
        "disk sd{} failed: {} sectors were reallocated",
        "A disk failed after sectors were reallocated.",
        "sectors of the disk are worn",
    ),
    Event(
        "storage",
        "info",
        "volume vol{} was mounted read-write in {} ms",
        "A volume was mounted.",
        "somebody mounted the volume",
    ),
    Event(
        "network",
        "error",
        "link eth{} went down, carrier lost {} times",
        "A link lost its carrier.",
        "the cable of the link has no carrier",
    ),
    Event(
        "network",
        "info",
        "neighbour 10.0.{}.{} joined the ring",
        "A neighbour joined the ring.",
        "a neighbour was added to the ring",
    ),
    Event(
        "power",
        "error",
        "battery pack {} overheated at {} degrees",
        "A battery pack overheated.",
        "the fan beside the battery stands still",
    ),
    Event(
        "power",
        "info",
        "inverter {} switched to grid supply, load {} watts",
        "The inverter switched to grid supply.",
        "grid supply is back for the inverter",
    ),
)

LABELS: Mapping[str, Sequence[str]] = {
    "match_description": ("mismatch", "match"),
    "level": ("info", "error"),
    "module": ("storage", "network", "power"),
    "classify_lines": ("normal", "fault"),
    "rank_causes": (),
}


def event_of(number: int) -> Event:
    """Return the event of a row; neighbours are of different events."""
    return EVENTS[number % len(EVENTS)]


def log_of(number: int) -> str:
    """Return the row's line; no two rows have the same."""
    return event_of(number).log.format(number, number * 7 % 101)


def _level(number: int) -> Row:
    return {"log": log_of(number), "label": event_of(number).level}


def _module(number: int) -> Row:
    return {"log": log_of(number), "label": event_of(number).system}


def _line(number: int) -> Row:
    fault = event_of(number).level == "error"
    return {"line": log_of(number), "label": "fault" if fault else "normal"}


def _match(number: int) -> Row:
    turn = number // len(EVENTS) % 4  # every other round fits, the others are of another event
    label = "mismatch" if turn % 2 else "match"
    return {"log": log_of(number), "description": event_of(number + turn % 2).description} | {
        "label": label
    }


def _causes(number: int) -> Row:
    causes = [event_of(number + step).cause for step in range(3)]
    right = number % 3
    causes[0], causes[right] = causes[right], causes[0]
    return {"log": log_of(number), "candidates": causes, "label": str(right + 1)}


ROW_OF: Mapping[str, Callable[[int], Row]] = {
    "match_description": _match,
    "level": _level,
    "module": _module,
    "classify_lines": _line,
    "rank_causes": _causes,
}


def rows(operation: str, numbers: Iterable[int]) -> list[Row]:
    """Return the labelled rows of these numbers; equal numbers give equal rows."""
    return [{"id": f"r{number}", **ROW_OF[operation](number)} for number in numbers]


def spelled(number: int) -> str:
    """Return a number in letters, which no template masks."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def apart(operation: Operation, numbers: Iterable[int]) -> list[Row]:
    """Return the rows of these numbers, each of a template of its own: it certifies as a unit."""
    found = rows(operation, numbers)
    field = next(iter(FIELDS[operation]))
    return [
        {**row, field: f"{row[field]} in room {spelled(number)}"}
        for row, number in zip(found, numbers, strict=True)
    ]


def doubtful(numbers: Iterable[int]) -> list[Row]:
    """Return rows of levels that nothing tells apart; each of a template of its own."""
    labels = LABELS["level"]
    return [
        {
            "id": f"d{number}",
            "log": f"sensor {spelled(number)} was reset",
            "label": labels[turn % 2],
        }
        for turn, number in enumerate(numbers)
    ]


def as_pairs(ranked: Iterable[Row]) -> list[Row]:
    """Return rows of causes in their other form, one row a pair."""
    return [
        {"log": row["log"], "cause": cause, "fits": str(place) == row["label"]}
        for row in ranked
        for place, cause in enumerate(row["candidates"], start=1)
    ]


def flipped(row: Row, reason: str = "") -> Row:
    """Return a row of two labels with the wrong one of them, as a hard case has it."""
    pair = next(list(labels) for labels in LABELS.values() if row["label"] in labels)
    other = pair[1 - pair.index(row["label"])]
    return {**row, "label": other, "reason": reason}


def write_rows(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON Lines."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


NGRAMS = "ngram: {kind: ngrams, buckets: 1024}"
REPLAY = "llm: {kind: lm, engine: replay, recordings: answers.jsonl}"
CHEAP = "{name: cheap, kind: classify, model: ngram}"
CHEAP_KEEP = "{name: cheap_keep, kind: gate, of: cheap}"
DECIDE = "{name: decide, kind: verify, model: llm, prompt: prompts/decide.md}"
WIDE = "wide: {kind: ngrams, buckets: 4096}"
SECOND = "{name: second, kind: classify, model: wide}"
SECOND_KEEP = "{name: second_keep, kind: gate, of: second}"

GATED: dict[str, Any] = {"models": (NGRAMS, REPLAY), "flow": (CHEAP, CHEAP_KEEP, DECIDE)}
"""A small model, a gate, a large model."""
TWO_HEADED: dict[str, Any] = {**GATED, "models": (NGRAMS, WIDE, REPLAY)}
"""With a second model beside it, which a deferral has to name."""
TWO_TIERS: dict[str, Any] = {
    "models": (NGRAMS, WIDE, REPLAY),
    "flow": (CHEAP, CHEAP_KEEP, SECOND, SECOND_KEEP, DECIDE),
}
"""A small model, another one, a large model."""


def make_cascade(
    folder: Path,
    operation: str,
    *,
    models: Sequence[str] = (NGRAMS,),
    flow: Sequence[str] = (CHEAP,),
    share: float | None = None,
    deferral: str = "",
) -> LoadedCascade:
    """Write a cascade with its prompt, and recordings if there are none, and load it.

    Args:
        folder: Where; it may be there already.
        operation: Of the logs domain.
        models: Lines of the models.
        flow: Lines of the stages.
        share: The budget of the large model; left out when None.
        deferral: All that is said of the gates, in the place of a share.
    """
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    (folder / "prompts" / "decide.md").write_text("Decide.\n", encoding="utf-8")
    if not (folder / "answers.jsonl").exists():
        (folder / "answers.jsonl").write_text("", encoding="utf-8")
    labels = f", labels: {json.dumps(LABELS[operation])}" if LABELS[operation] else ""
    lines = [
        "apiVersion: headgate/v1",
        "kind: Cascade",
        "metadata: {name: made_up}",
        "spec:",
        "  domain: logs",
        f"  task: {{operation: {operation}{labels}}}",
        "  artifact: fitted",
        "  models:",
        *(f"    {model}" for model in models),
        "  flow:",
        *(f"    - {stage}" for stage in flow),
    ]
    if share is not None:
        deferral = f"{{budget: {{llm_share: {share}}}}}"
    if deferral:
        lines.append(f"  deferral: {deferral}")
    path = folder / "cascade.yaml"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return load_cascade(path)


def record(loaded: LoadedCascade, answers: Mapping[str, str]) -> None:
    """Write the large model's answers, by the id of their row, as its recordings."""
    lines = [
        {"id": number, "answer": json.dumps({"reason": "recorded", "label": answer})}
        for number, answer in answers.items()
    ]
    write_rows(loaded.base_dir / "answers.jsonl", lines)


def read_rows(loaded: LoadedCascade, train: Iterable[Row], development: Iterable[Row]) -> Rows:
    """Return rows as a fit gets them: written to files and read back."""
    task = task_of(loaded)
    parts = {"train": train, "dev": development}
    found = {
        name: read_labelled(write_rows(loaded.base_dir / f"{name}.jsonl", lines), task)
        for name, lines in parts.items()
    }
    return Rows(found["train"], found["dev"])
