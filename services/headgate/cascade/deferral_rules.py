"""What must hold between the keys of `spec.deferral`, and between them and the flow.

stages, plain values of the spec -> Mistake for each rule that is broken
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headgate.cascade.mistakes import KeyPath, Mistake, did_you_mean, listed, quoted
from headgate.cascade.plain import Stage, mapping_at, text_at

Keys = Mapping[str, object]

_DECIDING = {"verify", "rerank", "synthesise", "advise"}
_PLACE: KeyPath = ("spec", "deferral")
_BUDGET = (*_PLACE, "budget")
_CALLER = (*_BUDGET, "per_caller")
_CERTIFICATE = (*_PLACE, "certificate")


def broken_deferral_rules(stages: list[Stage], spec: Keys) -> Iterator[Mistake]:
    """Yield what is wrong with the deferral of a flow whose stages are in order."""
    deferral = _given(spec, "deferral")
    yield from _needs_stages(deferral, stages)
    yield from _score(deferral, stages)
    yield from _second_model(deferral, stages, mapping_at(spec, "models"))
    yield from _needs_certificate(deferral)
    yield from _needs_audits(deferral)
    if "certificate" in deferral:
        yield from _certificate(deferral, mapping_at(spec, "task"))
        yield from _one_tier(deferral, stages)
        yield from _groups(deferral, stages, text_at(mapping_at(spec, "task"), "operation"))
    yield from _budget(deferral)
    yield from _money(deferral, stages, mapping_at(spec, "models"))


def _given(values: Keys, key: str) -> Keys:
    """Return the mapping at `key` without keys that hold nothing: they are as good as absent."""
    return {name: value for name, value in mapping_at(values, key).items() if value is not None}


def _tiers(stages: list[Stage]) -> int:
    return sum(stage.answers for stage in stages)


def _needs_stages(deferral: Keys, stages: list[Stage]) -> Iterator[Mistake]:
    kinds, asking = {stage.kind for stage in stages}, stages[0].asking
    if "score" in deferral and "gate" not in kinds:
        problem = "a score needs a gate, and the flow has none"
        yield Mistake((*_PLACE, "score"), problem, "Remove it, or add a gate.")
    budget = _given(deferral, "budget")
    for path, keys in ((_BUDGET, budget), (_CALLER, _given(budget, "per_caller"))):
        if "llm_share" in keys and not kinds & _DECIDING:
            problem = f"a share for the large model needs a {asking}, and the flow has none"
            yield Mistake((*path, "llm_share"), problem, f"Remove it, or add a {asking}.")
    if "on_exhausted" in budget and not kinds & _DECIDING:
        problem = f"a budget is spent by a {asking}, and the flow has none"
        yield Mistake((*_BUDGET, "on_exhausted"), problem, f"Remove it, or add a {asking}.")
    if "certificate" in deferral and ("gate" not in kinds or not kinds & _DECIDING):
        problem = f"a certificate needs a gate and a {asking}"
        yield Mistake(_CERTIFICATE, problem, "Remove it, or add them to the flow.")


def _score(deferral: Keys, stages: list[Stage]) -> Iterator[Mistake]:
    score, path = text_at(deferral, "score"), (*_PLACE, "score")
    if score == "agreement" and stages[0].answering != "classify":
        other = "reads" if stages[0].answering == "read" else "matches columns"
        yield Mistake(path, f"no second model {other}", "Use another score.")
    elif score == "agreement" and "second_model" not in deferral:
        yield Mistake(path, "agreement needs a second model", "Name one with `second_model`.")
    if score == "head" and "certificate" not in deferral:
        problem = "a head is learnt by a fit with a certificate only"
        yield Mistake(path, problem, "Add a certificate, or use another score.")
    if score == "head" and deferral.get("groups"):
        problem = "groups leave no rows for a head to learn from"
        yield Mistake(path, problem, "Remove them, or use another score.")
    if score in ("agreement", "head") and _tiers(stages) > 1:
        wanted = f"one {stages[0].answering} stage"
        problem = f"{score!r} needs a flow with {wanted}, and it has {_tiers(stages)}"
        yield Mistake(path, problem, "Use another score.")
    kind = text_at(mapping_at(deferral, "certificate"), "kind")
    if kind == "two_sided" and score in ("margin", "agreement", "head"):
        problem = "two_sided scores by the probability of each label"
        yield Mistake(path, problem, "Remove it, or use another kind of certificate.")


def _second_model(deferral: Keys, stages: list[Stage], models: Keys) -> Iterator[Mistake]:
    path: KeyPath = (*_PLACE, "second_model")
    if "second_model" in deferral and text_at(deferral, "score") != "agreement":
        yield Mistake(path, "a second model needs score: agreement", "Remove it, or add that.")
    if text_at(deferral, "score") != "agreement" or stages[0].answering != "classify":
        return
    name = text_at(deferral, "second_model")
    used = {stage.text("model") for stage in stages if stage.kind == "classify"}
    kinds = {each: text_at(mapping_at(models, each), "kind") for each in models}
    choices = [each for each in models if kinds[each] in ("encoder", "ngrams") and each not in used]
    if name and name not in choices:
        otherwise = f"Usable here: {listed(choices)}." if choices else "Add one to the models."
        problem = f"{quoted(name)} is no small model that no stage classifies with"
        yield Mistake(path, problem, did_you_mean(name, choices, otherwise))


def _needs_certificate(deferral: Keys) -> Iterator[Mistake]:
    if "certificate" not in deferral:
        for key in ("groups", "on_uncertified", "audits"):
            if key in deferral:
                problem = f"{key!r} needs a certificate"
                yield Mistake((*_PLACE, key), problem, "Remove it, or add a certificate.")
    elif "audits" in deferral and _expects(deferral):
        problem = "audits need a certificate of mode 'stream'"
        yield Mistake((*_PLACE, "audits"), problem, "Remove them, or the mode.")


def _expects(deferral: Keys) -> bool:
    return text_at(mapping_at(deferral, "certificate"), "mode") == "expectation"


def _needs_audits(deferral: Keys) -> Iterator[Mistake]:
    if "audits" in deferral:
        yield from _audit_shares(_given(deferral, "audits"))
        return
    if "monitor" in deferral:
        problem = "a monitor needs audits"
        yield Mistake((*_PLACE, "monitor"), problem, "Remove it, or add audits.")
    if "audit_share" in _given(deferral, "budget"):
        problem = "a share for audits needs audits"
        yield Mistake((*_BUDGET, "audit_share"), problem, "Remove it, or add audits.")


def _audit_shares(audits: Keys) -> Iterator[Mistake]:
    share, largest = audits.get("share", 0.01), audits.get("max_share", 0.25)
    if isinstance(share, int | float) and isinstance(largest, int | float) and share > largest:
        problem = f"the share {share} is above the largest share {largest}"
        yield Mistake((*_PLACE, "audits"), problem, "Lower `share`, or raise `max_share`.")


def _certificate(deferral: Keys, task: Keys) -> Iterator[Mistake]:
    certificate = _given(deferral, "certificate")
    kind = text_at(certificate, "kind")
    yield from _two_sided(certificate, task, kind)
    budget = _given(deferral, "budget")
    if kind != "two_sided" and "epsilon" not in certificate and "llm_share" not in budget:
        problem = "it states neither a risk nor a budget"
        yield Mistake(_CERTIFICATE, problem, "Add `epsilon`, or `llm_share` to the budget.")
    if "epsilon" not in certificate and kind == "netgap":
        problem = "without epsilon no gap can be certified"
        yield Mistake((*_CERTIFICATE, "kind"), problem, "Add `epsilon`, or use another kind.")
    if _expects(deferral) and (kind not in ("agree", "regret") or "epsilon" not in certificate):
        problem = "this mode is for the kinds 'agree' and 'regret' with an epsilon"
        yield Mistake((*_CERTIFICATE, "mode"), problem, "Remove it, or change the kind.")


def _two_sided(certificate: Keys, task: Keys, kind: str) -> Iterator[Mistake]:
    path: KeyPath = (*_CERTIFICATE, "rare_class")
    if kind != "two_sided":
        if "rare_class" in certificate:
            yield Mistake(path, "a rare class needs kind: two_sided", "Remove it, or change that.")
        return
    if "rare_class" not in certificate:
        yield Mistake((*_CERTIFICATE, "kind"), "two_sided needs a rare class", "Add `rare_class`.")
    if "epsilon" in certificate:
        problem = "two_sided has a bound for each class instead"
        yield Mistake((*_CERTIFICATE, "epsilon"), problem, "Remove it.")
    label = text_at(mapping_at(certificate, "rare_class"), "label")
    labels = task.get("labels")
    known = [each for each in labels if isinstance(each, str)] if isinstance(labels, list) else []
    if len(known) != 2:
        problem = f"two_sided needs a task of 2 labels, found {len(known)}"
        yield Mistake((*_CERTIFICATE, "kind"), problem, "Use another kind.")
    elif label and label not in known:
        problem = f"{quoted(label)} is no label of the task"
        remedy = did_you_mean(label, known, f"Use {listed(known)}.")
        yield Mistake((*path, "label"), problem, remedy)


def _one_tier(deferral: Keys, stages: list[Stage]) -> Iterator[Mistake]:
    certificate = _given(deferral, "certificate")
    by_itself = text_at(certificate, "kind") == "two_sided" or "epsilon" not in certificate
    if _tiers(stages) > 1 and (by_itself or _expects(deferral)):
        problem = f"this certificate is for a flow with one {stages[0].answering} stage"
        yield Mistake(_CERTIFICATE, problem, "State an epsilon with another kind and mode.")


def _groups(deferral: Keys, stages: list[Stage], operation: str) -> Iterator[Mistake]:
    if not deferral.get("groups"):
        return
    path: KeyPath = (*_PLACE, "groups")
    certificate = _given(deferral, "certificate")
    certifiable = text_at(certificate, "kind") in ("agree", "regret") and "epsilon" in certificate
    if _tiers(stages) > 1 or not certifiable or _expects(deferral):
        wanted = f"one {stages[0].answering} stage"
        problem = f"groups are for {wanted} and the kinds 'agree' and 'regret'"
        yield Mistake(path, problem, "Remove them, or state such a kind and an epsilon alone.")
    if operation in ("rank_causes", "match_columns", "answer_questions"):
        problem = f"records of {operation} share no labels to group by"
        yield Mistake(path, problem, "Remove them.")


def _budget(deferral: Keys) -> Iterator[Mistake]:
    budget = _given(deferral, "budget")
    if "burst_usd" in budget and "usd_per_hour" not in budget:
        problem = "a burst needs usd_per_hour"
        yield Mistake((*_BUDGET, "burst_usd"), problem, "Remove it, or add that.")
    if isinstance(budget.get("per_caller"), Mapping) and not _given(budget, "per_caller"):
        yield Mistake(_CALLER, "it limits nothing", "Add a limit, or remove it.")
    # Without a certificate there is a share, if not a stated one.
    if "certificate" not in deferral or budget.keys() & {"llm_share", "usd_per_hour", "per_caller"}:
        return
    for key in sorted(budget.keys() & {"on_exhausted", "audit_share"}):
        problem = f"{key!r} needs a budget, and none is stated"
        yield Mistake((*_BUDGET, key), problem, "Remove it, or add llm_share or usd_per_hour.")


def _money(deferral: Keys, stages: list[Stage], models: Keys) -> Iterator[Mistake]:
    budget = _given(deferral, "budget")
    asked = [stage.text("model") for stage in stages if stage.decides or stage.kind == "read"]
    # A model that is not there is a mistake of its own.
    priced = all("price" in _given(models, name) for name in asked if name in models)
    for path, keys in ((_BUDGET, budget), (_CALLER, _given(budget, "per_caller"))):
        if "usd_per_hour" in keys and not (asked and priced):
            problem = "a budget in dollars needs a large model with a price"
            add = f"Remove it, or add a {stages[0].asking}."
            remedy = "Add `price` to the model." if asked else add
            yield Mistake((*path, "usd_per_hour"), problem, remedy)
