"""What must hold between the stages of a cascade that answers questions.

stages of the flow, plain values of the spec -> Mistake for each rule that is broken

A question passes reads, each with a gate, and is answered at the latest by a `synthesise`, from
the answers to the steps of its plan; a step passes the flow of the `for_each`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from headgate.cascade.mistakes import Mistake, listed, quoted, with_article
from headgate.cascade.plain import Stage, inner_stages_of, mapping_at, text_at

_OF_QUESTIONS = ("read", "gate", "decompose", "retrieve", "for_each", "synthesise")
_OF_STEPS = ("retrieve", "read", "gate", "verify")


def broken_question_rules(stages: Sequence[Stage], spec: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield what is wrong with the flow of questions, or else with that of their steps."""
    steps = [
        each for stage in stages if stage.kind == "for_each" for each in inner_stages_of(stage)
    ]
    strange = [*_strangers(stages, _OF_QUESTIONS, "questions")]
    strange += _strangers(steps, _OF_STEPS, "steps")
    yield from strange
    if strange:
        return
    yield from _prompts(stages, mapping_at(spec, "models"))
    yield from _questions(stages)
    for stage in stages:
        if stage.kind == "for_each":
            yield from _steps(stage, inner_stages_of(stage))


def _strangers(stages: Sequence[Stage], known: Sequence[str], of: str) -> Iterator[Mistake]:
    for stage in stages:
        if stage.kind not in known:
            problem = f"{with_article(stage.kind)} answers no {of}"
            yield Mistake(stage.path("kind"), problem, f"Kinds for {of}: {listed(known)}.")
        elif stage.kind == "retrieve" and stage.text("index") != "corpus":
            problem = f"{of} are searched for in a corpus"
            yield Mistake(stage.path("index"), problem, "Write index: corpus, and name it.")


def _prompts(stages: Sequence[Stage], models: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield what is wrong with prompts of plans: a language model needs one."""
    for stage in stages:
        if stage.kind != "decompose":
            continue
        model = text_at(mapping_at(models, stage.text("model")), "kind")
        asked = "prompt" in stage.keys
        if model == "lm" and not asked:
            problem = "a decompose by a large model needs a prompt"
            yield Mistake(stage.path("kind"), problem, "Add `prompt`.")
        if model == "splitter" and asked:
            problem = "a splitter reads no prompt"
            yield Mistake(stage.path("prompt"), problem, "Remove it, or name a large model.")


def _questions(stages: Sequence[Stage]) -> Iterator[Mistake]:
    last = stages[-1]
    if last.kind not in ("read", "synthesise"):
        problem = f"the last stage is a {last.kind}, which answers no question"
        yield Mistake(last.path("kind"), problem, "End the flow with a synthesise or a read.")
    yield from _gates(stages, "share is for gates of steps")
    for stage, following in pairwise(stages):
        if stage.kind == "synthesise":
            problem = "a synthesise answers every question, so none reaches this stage"
            yield Mistake(following.path("kind"), problem, "End the flow with the synthesise.")
        if stage.kind == "read" and following.kind != "gate":
            problem = "a read that another stage follows needs a gate"
            yield Mistake(stage.path("kind"), problem, "Add a gate of this stage after it.")
    yield from _steps_are_used(stages)
    yield from _unused(stages)


def _steps_are_used(stages: Sequence[Stage]) -> Iterator[Mistake]:
    """Yield what is wrong with a for_each that is no plan's, or that no synthesise follows."""
    for place, stage in enumerate(stages):
        if stage.kind != "for_each":
            continue
        if not stage.text("of"):
            problem = "it names no plan, and its flow is for the steps of one"
            yield Mistake(stage.path("kind"), problem, "Add `of`, the name of a decompose stage.")
        if not any(each.kind == "synthesise" for each in stages[place + 1 : place + 2]):
            problem = "no synthesise follows, which would make an answer of the steps"
            yield Mistake(stage.path("kind"), problem, "Add a synthesise of it directly after.")


def _unused(stages: Sequence[Stage]) -> Iterator[Mistake]:
    """Yield a mistake for each search or plan that nothing reads."""
    read = {stage.text(key) for stage in stages for key in ("evidence", "plan", "of")}
    for stage in stages:
        if stage.kind in ("retrieve", "decompose") and stage.name and stage.name not in read:
            problem = f"no later stage uses {quoted(stage.name)}"
            yield Mistake(stage.path("name"), problem, "Remove the stage, or name it in another.")


def _steps(for_each: Stage, stages: Sequence[Stage]) -> Iterator[Mistake]:
    if not stages:
        return
    kinds = [stage.kind for stage in stages]
    if "read" not in kinds:
        problem = "no read answers the steps"
        yield Mistake(for_each.path("flow"), problem, "Add a read to the flow.")
    if stages[-1].kind not in ("read", "verify"):
        problem = f"the last stage is a {stages[-1].kind}, which answers no step"
        yield Mistake(stages[-1].path("kind"), problem, "End the flow with a read or a verify.")
    for stage in stages[:-1]:
        if stage.kind == "verify":
            problem = "a verify answers every step that reaches it, so it comes last"
            yield Mistake(stage.path("kind"), problem, "Put it at the end.")
    yield from _checks(stages)
    yield from _gates(stages, "")
    yield from _unused(stages)
    for stage in stages:
        if stage.text("plan"):
            problem = "a step has no plan of its own"
            yield Mistake(stage.path("plan"), problem, "Remove it.")


def _checks(stages: Sequence[Stage]) -> Iterator[Mistake]:
    """Yield what is wrong with a verify: it compares a reading with what was found."""
    for place, stage in enumerate(stages):
        if stage.kind != "verify":
            continue
        if not stage.text("evidence"):
            problem = "it names no evidence, and only passages support an answer"
            yield Mistake(stage.path("kind"), problem, "Add `evidence`, the name of a retrieve.")
        if not any(each.kind == "read" for each in stages[:place]):
            problem = "no read comes before it, whose answer it would check"
            yield Mistake(stage.path("kind"), problem, "Put it after a read.")


def _gates(stages: Sequence[Stage], refused: str) -> Iterator[Mistake]:
    """Yield what is wrong with gates: each directly after its read, and none at the end."""
    for place, gate in enumerate(stages):
        if gate.kind != "gate":
            continue
        reads = [each.name for each in stages[:place] if each.kind == "read"]
        of, before = gate.text("of"), stages[place - 1]
        # A name that no read has is a mistake of its own.
        if of in reads and (before.kind, before.name) != ("read", of):
            problem = "a gate comes directly after its read"
            yield Mistake(gate.path("of"), problem, "Put it directly after the stage it is of.")
        if refused and gate.keys.get("share") is not None:
            problem = f"{refused}: of questions the deferral decides"
            yield Mistake(gate.path("share"), problem, "Remove it, or set budget.llm_share.")
