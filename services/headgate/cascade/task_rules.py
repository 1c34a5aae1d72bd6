"""What must hold between a cascade's domain, its operation, its labels and the shape of its flow.

plain values -> Mistake for each rule that is broken
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headgate.cascade.mistakes import KeyPath, Mistake, listed, quoted, with_article
from headgate.cascade.plain import (
    Stage,
    all_stages_of,
    mapping_at,
    stages_of,
    text_at,
    unit_stages_of,
)

OPERATIONS = {
    "logs": ("match_description", "level", "module", "classify_lines", "rank_causes"),
    "schemas": ("label_columns", "match_columns"),
    "questions": ("answer_questions",),
    "news": ("judge_news",),
}
"""By domain."""
_MATCHING = ("for_each", "assign")
"""The flow of match_columns."""
_ANSWERING = ("read", "decompose", "synthesise")
"""What is for answer_questions alone."""
_ADVISING = ("advise", "weigh")
"""What is for judge_news alone, one after the other at the end of its flow."""


def broken_task_rules(values: object) -> Iterator[Mistake]:
    """Yield what is wrong with operation and labels."""
    spec = mapping_at(values, "spec")
    task = mapping_at(spec, "task")
    domain, operation = text_at(spec, "domain"), text_at(task, "operation")
    own = OPERATIONS.get(domain, ())
    if own and operation not in own and any(operation in each for each in OPERATIONS.values()):
        problem = f"{operation} is no operation of the domain {quoted(domain)}"
        path: KeyPath = ("spec", "task", "operation")
        yield Mistake(path, problem, f"It has: {listed(own)}.")
    yield from _labels(task, operation)


def broken_fan_out_rules(values: object) -> Iterator[Mistake]:
    """Yield what is wrong with the outline of a flow whose kinds are all known."""
    task = mapping_at(mapping_at(values, "spec"), "task")
    stages = stages_of(values)
    if text_at(task, "operation") == "match_columns":
        yield from _matching(stages, unit_stages_of(values))
        yield from _of_steps(all_stages_of(values))
        return
    if text_at(task, "operation") == "answer_questions":
        return
    if text_at(task, "operation") == "judge_news":
        yield from _advising(stages)
    yield from _of_steps(all_stages_of(values))
    for stage in all_stages_of(values):
        target = stage.answers and stage.kind == "retrieve"
        if stage.kind in (*_MATCHING, "rerank") or target:
            named = "retrieve from the target" if target else stage.kind
            yield _only_for(stage, named, "match_columns")
            return
        corpus = stage.kind == "retrieve" and stage.text("index") == "corpus"
        if stage.kind in _ANSWERING or corpus:
            named = "retrieve from a corpus" if corpus else stage.kind
            yield _only_for(stage, named, "answer_questions")
            return
        if stage.kind in _ADVISING and text_at(task, "operation") != "judge_news":
            yield _only_for(stage, stage.kind, "judge_news")
            return


def _of_steps(stages: list[Stage]) -> Iterator[Mistake]:
    """Yield a mistake for each key that only plans and their steps have."""
    for stage in stages:
        for kind, key in (("gate", "share"), ("verify", "widen"), ("for_each", "of")):
            if stage.kind == kind and stage.keys.get(key) is not None:
                problem = f"{key!r} of a {kind} is for the steps of answer_questions"
                yield Mistake(stage.path(key), problem, "Remove it.")


def _advising(stages: list[Stage]) -> Iterator[Mistake]:
    """Yield what is wrong with advice and its weighing: one follows the other, at the end."""
    last = [stage.kind for stage in stages[-2:]]
    for place, stage in enumerate(stages):
        if stage.kind in _ADVISING and (tuple(last) != _ADVISING or place < len(stages) - 2):
            problem = "an advise and the weigh of it come together, at the end of the flow"
            yield Mistake(stage.path("kind"), problem, "Put one after the other, or remove it.")
            return


def _only_for(stage: Stage, named: str, operation: str) -> Mistake:
    problem = f"{with_article(named)} is for {operation} only"
    return Mistake(stage.path("kind"), problem, "Remove it, or change the operation.")


def _matching(stages: list[Stage], units: list[Stage]) -> Iterator[Mistake]:
    if tuple(stage.kind for stage in stages) != _MATCHING:
        problem = "the flow of match_columns is a for_each, then an assign"
        yield Mistake(("spec", "flow"), problem, "Put the other stages into the for_each.")
        return
    for stage in units:
        searches = stage.kind == "retrieve" and stage.answers
        if not searches and stage.kind not in ("gate", "rerank"):
            problem = f"{with_article(stage.kind)} matches no columns"
            remedy = "Use a retrieve with index: target, then a gate and a rerank, if any."
            yield Mistake(stage.path("kind"), problem, remedy)


def _labels(task: Mapping[str, object], operation: str) -> Iterator[Mistake]:
    labels = task.get("labels", [])
    if not isinstance(labels, list):
        return
    path: KeyPath = ("spec", "task", "labels" if "labels" in task else "operation")
    yield from _repeated_labels(labels)
    count = len(labels)
    match operation:
        case "match_description" if count != 2:
            problem = f"match_description needs exactly 2 labels, found {count}"
            yield Mistake(path, problem, "Write the label of no match first, then that of a match.")
        case "judge_news" if count != 2:
            problem = f"judge_news needs exactly 2 labels, found {count}"
            yield Mistake(path, problem, "Write the harmless one first, then what is looked for.")
        case "level" | "module" | "classify_lines" | "label_columns" if count < 2:
            problem = f"{operation} needs 2 to 200 labels, found {count}"
            yield Mistake(path, problem, "Write the possible answers.")
        case "rank_causes" | "match_columns" if "labels" in task:
            problem = f"{operation} takes no labels"
            yield Mistake(path, problem, "Remove them: each record brings its own candidates.")
        case "answer_questions" if "labels" in task:
            problem = f"{operation} takes no labels"
            yield Mistake(path, problem, "Remove them: any short text may be the answer.")


def _repeated_labels(labels: list[object]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, label in enumerate(labels):
        if isinstance(label, str):
            if label in seen:
                problem = f"the label {quoted(label)} is there twice"
                yield Mistake(("spec", "task", "labels", index), problem, "Keep one.")
            seen.add(label)
