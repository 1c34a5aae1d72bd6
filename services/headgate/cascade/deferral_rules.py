"""What must hold between the keys of `spec.deferral`, and between them and the flow.

stages, plain values of the spec -> Mistake for each rule that is broken
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headgate.cascade.mistakes import KeyPath, Mistake, did_you_mean, listed, quoted
from headgate.cascade.plain import Stage, mapping_at, text_at

Keys = Mapping[str, object]

_PLACE: KeyPath = ("spec", "deferral")
_BUDGET = (*_PLACE, "budget")
_CERTIFICATE = (*_PLACE, "certificate")


def broken_deferral_rules(stages: list[Stage], spec: Keys) -> Iterator[Mistake]:
    """Yield what is wrong with the deferral of a flow whose stages are in order."""
    deferral = mapping_at(spec, "deferral")
    kinds = {stage.kind for stage in stages}
    yield from _needs_stages(deferral, kinds)
    yield from _score(deferral, stages, mapping_at(spec, "models"))
    yield from _needs_certificate(deferral)
    if "certificate" in deferral:
        yield from _certificate(deferral, stages, mapping_at(spec, "task"))
    yield from _money(deferral, stages, mapping_at(spec, "models"))


def _needs_stages(deferral: Keys, kinds: set[str]) -> Iterator[Mistake]:
    if "score" in deferral and "gate" not in kinds:
        problem = "a score needs a gate, and the flow has none"
        yield Mistake((*_PLACE, "score"), problem, "Remove it, or add a gate.")
    if "llm_share" in mapping_at(deferral, "budget") and "verify" not in kinds:
        problem = "a share for the large model needs a verify, and the flow has none"
        yield Mistake((*_BUDGET, "llm_share"), problem, "Remove it, or add a verify.")
    if "certificate" in deferral and not {"gate", "verify"} <= kinds:
        problem = "a certificate needs a gate and a verify"
        yield Mistake(_CERTIFICATE, problem, "Remove it, or add them to the flow.")


def _score(deferral: Keys, stages: list[Stage], models: Keys) -> Iterator[Mistake]:
    agreement = text_at(deferral, "score") == "agreement"
    path: KeyPath = (*_PLACE, "second_model")
    if "second_model" in deferral and not agreement:
        yield Mistake(path, "a second model needs score: agreement", "Remove it, or add that.")
    if agreement and "second_model" not in deferral:
        problem = "agreement needs a second model"
        yield Mistake((*_PLACE, "score"), problem, "Name one with `second_model`.")
    name = text_at(deferral, "second_model")
    used = {stage.text("model") for stage in stages if stage.kind == "classify"}
    kinds = {each: text_at(mapping_at(models, each), "kind") for each in models}
    choices = [each for each in models if kinds[each] in ("encoder", "ngrams") and each not in used]
    if agreement and name and name not in choices:
        otherwise = f"Usable here: {listed(choices)}." if choices else "Add one to the models."
        problem = f"{quoted(name)} is no small model that no stage classifies with"
        yield Mistake(path, problem, did_you_mean(name, choices, otherwise))
    if agreement and len(used) > 1:
        problem = "agreement needs one classify stage, and the flow has several"
        yield Mistake((*_PLACE, "score"), problem, "Use another score.")
    if text_at(deferral, "score") == "head" and "certificate" not in deferral:
        problem = "a head is learnt by a fit with a certificate only"
        yield Mistake((*_PLACE, "score"), problem, "Add a certificate, or use another score.")


def _needs_certificate(deferral: Keys) -> Iterator[Mistake]:
    certificate = mapping_at(deferral, "certificate")
    if "certificate" not in deferral:
        for key in ("groups", "on_uncertified", "audits"):
            if key in deferral:
                problem = f"{key!r} needs a certificate"
                yield Mistake((*_PLACE, key), problem, "Remove it, or add a certificate.")
    elif "audits" in deferral and text_at(certificate, "mode") == "expectation":
        problem = "audits need a certificate of mode 'stream'"
        yield Mistake((*_PLACE, "audits"), problem, "Remove them, or the mode.")
    if "audits" in deferral:
        yield from _audit_shares(mapping_at(deferral, "audits"))
        return
    if "monitor" in deferral:
        problem = "a monitor needs audits"
        yield Mistake((*_PLACE, "monitor"), problem, "Remove it, or add audits.")
    if "audit_share" in mapping_at(deferral, "budget"):
        problem = "a share for audits needs audits"
        yield Mistake((*_BUDGET, "audit_share"), problem, "Remove it, or add audits.")


def _audit_shares(audits: Keys) -> Iterator[Mistake]:
    share, largest = audits.get("share", 0.01), audits.get("max_share", 0.25)
    if isinstance(share, int | float) and isinstance(largest, int | float) and share > largest:
        problem = f"the share {share} is above the largest share {largest}"
        yield Mistake((*_PLACE, "audits"), problem, "Lower `share`, or raise `max_share`.")


def _certificate(deferral: Keys, stages: list[Stage], task: Keys) -> Iterator[Mistake]:
    certificate = mapping_at(deferral, "certificate")
    kind = text_at(certificate, "kind")
    yield from _two_sided(certificate, task, kind)
    budget = mapping_at(deferral, "budget")
    if kind != "two_sided" and "epsilon" not in certificate and "llm_share" not in budget:
        problem = "it states neither a risk nor a budget"
        yield Mistake(_CERTIFICATE, problem, "Add `epsilon`, or `llm_share` to the budget.")
    if "epsilon" not in certificate and kind == "netgap":
        problem = "without epsilon no gap can be certified"
        yield Mistake((*_CERTIFICATE, "kind"), problem, "Add `epsilon`, or use another kind.")
    if text_at(certificate, "mode") == "expectation" and (
        kind not in ("agree", "regret") or "epsilon" not in certificate
    ):
        problem = "this mode is for the kinds 'agree' and 'regret' with an epsilon"
        yield Mistake((*_CERTIFICATE, "mode"), problem, "Remove it, or change the kind.")
    yield from _one_tier(deferral, stages, kind, text_at(task, "operation"))


def _two_sided(certificate: Keys, task: Keys, kind: str) -> Iterator[Mistake]:
    labels = task.get("labels")
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
    known = [each for each in labels if isinstance(each, str)] if isinstance(labels, list) else []
    if len(known) != 2:
        problem = f"two_sided needs a task of 2 labels, found {len(known)}"
        yield Mistake((*_CERTIFICATE, "kind"), problem, "Use another kind.")
    elif label and label not in known:
        problem = f"{quoted(label)} is no label of the task"
        yield Mistake(
            (*path, "label"), problem, did_you_mean(label, known, f"Use {listed(known)}.")
        )


def _one_tier(deferral: Keys, stages: list[Stage], kind: str, operation: str) -> Iterator[Mistake]:
    certificate = mapping_at(deferral, "certificate")
    tiers = sum(stage.kind == "classify" for stage in stages)
    single = kind == "two_sided" or "epsilon" not in certificate or "mode" in certificate
    if tiers > 1 and single and certificate.get("mode") != "stream":
        problem = "this certificate is for a flow with one classify stage"
        yield Mistake(_CERTIFICATE, problem, "State an epsilon with another kind and mode.")
    if not deferral.get("groups"):
        return
    path: KeyPath = (*_PLACE, "groups")
    if tiers > 1 or kind not in ("agree", "regret") or "epsilon" not in certificate:
        problem = "groups are for one classify stage and the kinds 'agree' and 'regret'"
        yield Mistake(path, problem, "Remove them, or change the kind and state an epsilon.")
    if operation == "rank_causes":
        problem = "records of rank_causes share no labels to group by"
        yield Mistake(path, problem, "Remove them.")


def _money(deferral: Keys, stages: list[Stage], models: Keys) -> Iterator[Mistake]:
    budget = mapping_at(deferral, "budget")
    caller = mapping_at(budget, "per_caller")
    if "burst_usd" in budget and "usd_per_hour" not in budget:
        problem = "a burst needs usd_per_hour"
        yield Mistake((*_BUDGET, "burst_usd"), problem, "Remove it, or add that.")
    if "per_caller" in budget and not caller and isinstance(budget["per_caller"], Mapping):
        yield Mistake((*_BUDGET, "per_caller"), "it limits nothing", "Add a limit, or remove it.")
    asked = [stage.text("model") for stage in stages if stage.kind == "verify"]
    priced = all("price" in mapping_at(models, name) for name in asked)
    for path, keys in ((_BUDGET, budget), ((*_BUDGET, "per_caller"), caller)):
        if "usd_per_hour" in keys and not (asked and priced):
            problem = "a budget in dollars needs a large model with a price"
            yield Mistake((*path, "usd_per_hour"), problem, "Add `price` to the model.")
