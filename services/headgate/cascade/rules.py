"""What must hold between the keys of a cascade file: names, references and the order of stages.

plain values -> Mistake for each rule that is broken

The rules read the plain values and not the models, so that they also find what is wrong in a
file whose types are wrong elsewhere; a value of a wrong type is left to the types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from headgate.cascade.deferral_rules import broken_deferral_rules
from headgate.cascade.mistakes import (
    KeyPath,
    Mistake,
    did_you_mean,
    listed,
    looks_secret,
    quoted,
    with_article,
)
from headgate.cascade.placement_rules import broken_placement_rules
from headgate.cascade.plain import Stage, all_stages_of, mapping_at, text_at, unit_stages_of
from headgate.cascade.question_rules import broken_question_rules
from headgate.cascade.spec import MAX_MODELS, MAX_STAGES
from headgate.cascade.task_rules import broken_fan_out_rules, broken_task_rules

_MODEL_KINDS = ("encoder", "ngrams", "splitter", "lm")
_USABLE_MODELS = {
    "classify": ("encoder", "ngrams"),
    "retrieve": ("encoder",),
    "decompose": ("splitter", "lm"),
    "read": ("lm",),
    "verify": ("lm",),
    "rerank": ("lm",),
    "synthesise": ("lm",),
    "advise": ("lm",),
}
_STAGE_KINDS = (*_USABLE_MODELS, "gate", "for_each", "assign", "weigh")
_REFERENCES: Mapping[str, Mapping[str, str]] = {
    "gate": {"of": ""},
    "verify": {"evidence": "retrieve"},
    "read": {"evidence": "retrieve"},
    "rerank": {"of": "retrieve"},
    "assign": {"of": "for_each"},
    "synthesise": {"of": "for_each"},
    "for_each": {"of": "decompose"},
    "weigh": {"of": "advise"},
    "advise": {"evidence": "retrieve"},
    "retrieve": {"plan": "decompose"},
}
"""Which kind of earlier stage each key names; empty for the one that answers."""
_ONLY_DEPLOYED = ("replicas", "resources", "scaling")


def broken_rules(values: object) -> Iterator[Mistake]:
    """Yield a mistake for each rule that `values`, a whole cascade file, breaks.

    The flow of a file with more stages or models than are allowed is not judged.
    """
    spec = mapping_at(values, "spec")
    models = mapping_at(spec, "models")
    stages = all_stages_of(values)
    yield from broken_task_rules(values)
    if len(models) > MAX_MODELS or any(stage.index >= MAX_STAGES for stage in stages):
        return
    for name, model in models.items():
        yield from _model(("spec", "models", name), model)
    yield from _names(stages)
    yield from _references(stages, models, text_at(mapping_at(spec, "deferral"), "second_model"))
    if stages and _kinds_are_known(stages):
        yield from _in_order(values, spec)


def _in_order(values: object, spec: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield what is wrong with stages whose kinds are all known; the deferral comes last."""
    units = unit_stages_of(values)
    disorder = [*broken_fan_out_rules(values)]
    if not disorder and units:
        questions = units[0].operation == "answer_questions"
        # What ends an advise is where it belongs, as was seen before.
        asked = [stage for stage in units if stage.kind != "weigh"]
        disorder = [*(broken_question_rules(units, spec) if questions else _order(asked))]
    yield from disorder or (broken_deferral_rules(units, spec) if units else ())


def _kinds_are_known(stages: list[Stage]) -> bool:
    return all(stage.kind in _STAGE_KINDS for stage in stages)


def secret_literals(values: object, path: KeyPath = ()) -> Iterator[Mistake]:
    """Yield a mistake for each text that looks like a key or a password."""
    match values:
        case dict():
            for key, child in values.items():
                yield from secret_literals(child, (*path, key))
        case list():
            for index, child in enumerate(values):
                yield from secret_literals(child, (*path, index))
        case str() if looks_secret(values):
            remedy = "Remove it, and replace it if others have seen it."
            yield Mistake(path, "this looks like a secret", remedy)


def _model(path: KeyPath, model: object) -> Iterator[Mistake]:
    if not isinstance(model, Mapping):
        return
    yield from broken_placement_rules(path, model)
    local = model.get("engine") == "transformers"
    if not local and model.get("kind") not in ("encoder", "splitter"):
        return
    if local and model.get("source") == "embedded":
        problem = "no large model is installed with Headgate"
        yield Mistake((*path, "source"), problem, "Name a directory, or 'org/name' on the hub.")
    if "revision" in model and not is_hub_id(model.get("source", "embedded")):
        problem = "a revision needs a source on the hub"
        yield Mistake((*path, "revision"), problem, "Remove it, or write the source as 'org/name'.")
    if model.get("placement", "deployment" if local else "inline") == "inline":
        for key in model.keys() & set(_ONLY_DEPLOYED):
            problem = f"{key!r} needs placement: deployment"
            yield Mistake((*path, key), problem, "Remove it, or add placement: deployment.")


def is_hub_id(source: object) -> bool:
    """Return whether an encoder's source is neither `embedded` nor a directory."""
    text = str(source)
    return text != "embedded" and not text.startswith(("/", "./", "../"))


def _names(stages: list[Stage]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for stage in stages:
        if stage.name and stage.name in seen:
            problem = f"a stage before is also named {quoted(stage.name)}"
            yield Mistake(stage.path("name"), problem, "Give each stage its own name.")
        seen.add(stage.name)


def _references(
    stages: list[Stage], models: Mapping[str, object], second_model: str
) -> Iterator[Mistake]:
    kinds = {name: text_at(mapping_at(models, name), "kind") for name in models}
    unknown = [*_model_references(stages, kinds)]
    yield from unknown
    yield from _stage_references(stages)
    if not unknown and _kinds_are_known(stages):
        used = _used_models(stages, kinds, second_model)
        yield from _unused_models(kinds, used)
        yield from _tuned_in_vain(stages, models, used)


def _model_references(stages: list[Stage], kinds: Mapping[str, str]) -> Iterator[Mistake]:
    for stage in stages:
        usable = _USABLE_MODELS.get(stage.kind, ())
        choices = [name for name in kinds if kinds[name] in usable]
        ambiguous = len(choices) != 1 and all(kind in _MODEL_KINDS for kind in kinds.values())
        name = stage.text("model")
        if name and usable:
            yield from _model_reference(stage, kinds.get(name), choices)
        elif stage.kind == "retrieve" and stage.keys.get("model") is None and ambiguous:
            problem = f"it needs one encoder, and the file has {len(choices)}"
            remedy = "Name one with `model`." if choices else "Add an encoder to the models."
            yield Mistake(stage.path("kind"), problem, remedy)


def _model_reference(stage: Stage, found: str | None, choices: list[str]) -> Iterator[Mistake]:
    name, path = stage.text("model"), stage.path("model")
    usable = _USABLE_MODELS[stage.kind]
    otherwise = f"Usable here: {listed(choices)}." if choices else "Add one to the models."
    if found is None:
        remedy = did_you_mean(name, choices, otherwise)
        yield Mistake(path, f"no model is named {quoted(name)}", remedy)
    elif found in _MODEL_KINDS and found not in usable:
        wants = f"{with_article(stage.kind)} needs {listed(usable)}"
        problem = f"{quoted(name)} is of kind {quoted(found)}, {wants}"
        yield Mistake(path, problem, otherwise)


def _used_models(stages: list[Stage], kinds: Mapping[str, str], second_model: str) -> set[str]:
    used = {stage.text("model") for stage in stages} | {second_model}
    if any(stage.kind == "retrieve" and not stage.text("model") for stage in stages):
        used |= {name for name in kinds if kinds[name] == "encoder"}
    return used


def _unused_models(kinds: Mapping[str, str], used: set[str]) -> Iterator[Mistake]:
    for name in kinds:
        if name not in used:
            problem = f"no stage uses the model {quoted(name)}"
            yield Mistake(("spec", "models", name), problem, "Remove it, or use it.")


def _tuned_in_vain(
    stages: list[Stage], models: Mapping[str, object], used: set[str]
) -> Iterator[Mistake]:
    """Yield a mistake for each encoder that is trained although it ranks no target's columns."""
    ranking = {
        stage.text("model") for stage in stages if stage.kind == "retrieve" and stage.answers
    }
    # A stage that names no model has the only encoder.
    for name in () if "" in ranking else used - ranking:
        model = mapping_at(models, name)
        if text_at(model, "kind") == "encoder" and model.get("tuning") is not None:
            problem = "tuning is for an encoder of a retrieve with index: target"
            yield Mistake(("spec", "models", name, "tuning"), problem, "Remove it.")


def _stage_references(stages: list[Stage]) -> Iterator[Mistake]:
    for place, stage in enumerate(stages):
        before = [each for each in stages[:place] if each.flow == stage.flow]
        for key, kind in _REFERENCES.get(stage.kind, {}).items():
            names = [each.name for each in before if _serves(stage, kind, each)]
            yield from _stage_reference(stage, key, names, kind or stage.answering)
        if stage.name and stage.kind == "retrieve" and stage.text("index") == "error_cases":
            yield from _unused_retrieve(stage, stages[place + 1 :])


def _serves(stage: Stage, kind: str, other: Stage) -> bool:
    """Return whether a stage that wants a kind of stage can name that other one."""
    if stage.kind in ("gate", "rerank"):
        return other.answers and other.kind == (kind or other.kind)
    return other.kind == kind and not other.answers


def _stage_reference(stage: Stage, key: str, names: list[str], kind: str) -> Iterator[Mistake]:
    name = stage.text(key)
    choices = [each for each in names if each]
    if not name or name in choices:
        return
    missing = f"Put {with_article(kind)} stage before it."
    otherwise = f"Usable here: {listed(choices)}." if choices else missing
    problem = f"no {kind} stage before this one is named {quoted(name)}"
    yield Mistake(stage.path(key), problem, did_you_mean(name, choices, otherwise))


def _unused_retrieve(stage: Stage, after: list[Stage]) -> Iterator[Mistake]:
    if stage.name not in (other.text("evidence") for other in after):
        user = "verify or advise" if stage.operation == "judge_news" else "verify"
        problem = f"no later {user} uses the evidence of {quoted(stage.name)}"
        remedy = f"Remove the stage, or add evidence: {stage.name} to the {user}."
        yield Mistake(stage.path("name"), problem, remedy)


def _order(stages: list[Stage]) -> Iterator[Mistake]:
    """Yield what is wrong with the order of stages whose kinds are all known."""
    first, last = stages[0], stages[-1]
    if not first.answers:
        problem = f"the first stage is {with_article(first.kind)}"
        wanted = {"retrieve": "retrieve with index: target"}.get(first.answering, first.answering)
        yield Mistake(first.path("kind"), problem, f"Start the flow with a {wanted}.")
    for stage, following in pairwise(stages):
        yield from _followed(stage, following, stages)
        yield from _gate_in_place(following, stage, stages)
        yield from _rerank_in_place(following, stages)
    gated = any(stage.kind == "gate" for stage in stages)
    if gated and len(stages) > 1 and not (last.answers or last.decides):
        problem = "the gate sends records on, but nothing answers them"
        remedy = f"End the flow with a {last.asking} or a {last.answering}."
        yield Mistake(last.path("kind"), problem, remedy)


def _followed(stage: Stage, following: Stage, stages: list[Stage]) -> Iterator[Mistake]:
    gated = any(other.kind == "gate" and other.text("of") == stage.name for other in stages)
    if stage.answers and following.kind != "gate" and not gated:
        problem = f"a {stage.kind} that another stage follows needs a gate"
        yield Mistake(stage.path("kind"), problem, "Add a gate of this stage after it.")
    if stage.decides:
        problem = f"a {stage.kind} answers every record, so no record reaches this stage"
        yield Mistake(following.path("kind"), problem, f"End the flow with the {stage.kind}.")


def _gate_in_place(gate: Stage, before: Stage, stages: list[Stage]) -> Iterator[Mistake]:
    known = [stage.name for stage in stages[: gate.index] if stage.answers]
    of = gate.text("of")
    if gate.kind == "gate" and of in known and (before.answers, before.name) != (True, of):
        problem = f"a gate comes directly after its {gate.answering}"
        yield Mistake(gate.path("of"), problem, "Put it directly after the stage it is of.")


def _rerank_in_place(rerank: Stage, stages: list[Stage]) -> Iterator[Mistake]:
    *earlier, last = [stage.name for stage in stages[: rerank.index] if stage.answers] or [""]
    if rerank.kind == "rerank" and rerank.text("of") in earlier and rerank.text("of") != last:
        problem = "a later retrieve has other candidates"
        yield Mistake(rerank.path("of"), problem, f"Write the last one: of: {quoted(last)}.")
