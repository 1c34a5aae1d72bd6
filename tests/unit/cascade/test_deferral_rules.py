"""Rules between the keys of `spec.deferral`: each is found at its place, and nothing else is.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.deferral_files import (
    DECIDE,
    FAST,
    FIRST,
    LLM,
    ONE_TIER,
    PAID,
    PRICED,
    SECOND,
    SLM,
    SMALL_TIERS,
    SURE,
    SURER,
    TWO_TIERS,
    UNGATED,
    WITH_SECOND,
    case,
    file,
)
from headgate.cascade.load import from_inline, inline
from headgate.errors import SpecFileError

STAGES = [
    case(
        "score-without-a-gate",
        "{¦score: margin}",
        "score: a score needs a gate, and the flow has none. Remove it, or add a gate.",
        parts=UNGATED,
    ),
    case(
        "share-without-a-large-model",
        "{budget: {¦llm_share: 0.1}}",
        "budget.llm_share: a share for the large model needs a verify, and the flow has none. "
        "Remove it, or add a verify.",
        parts=SMALL_TIERS,
    ),
    case(
        "share-of-a-caller-without-a-large-model",
        "{budget: {per_caller: {¦llm_share: 0.1}}}",
        "budget.per_caller.llm_share: a share for the large model needs a verify, and the flow "
        "has none. Remove it, or add a verify.",
        parts=SMALL_TIERS,
    ),
    case(
        "exhaustion-without-a-large-model",
        "{budget: {¦on_exhausted: reject}}",
        "budget.on_exhausted: a budget is spent by a verify, and the flow has none. "
        "Remove it, or add a verify.",
        parts=SMALL_TIERS,
    ),
    case(
        "dollars-without-a-large-model",
        "{budget: {¦usd_per_hour: 1}}",
        "budget.usd_per_hour: a budget in dollars needs a large model with a price. "
        "Remove it, or add a verify.",
        parts=SMALL_TIERS,
    ),
    case(
        "certificate-without-a-large-model",
        "{¦certificate: {kind: selective, epsilon: 0.1}}",
        "certificate: a certificate needs a gate and a verify. Remove it, or add them to the flow.",
        parts=SMALL_TIERS,
    ),
    case(
        "certificate-without-a-gate",
        "{¦certificate: {kind: agree, epsilon: 0.1}}",
        "certificate: a certificate needs a gate and a verify. Remove it, or add them to the flow.",
        parts=UNGATED,
    ),
]

SCORES = [
    case(
        "agreement-of-one",
        "{¦score: agreement}",
        "score: agreement needs a second model. Name one with `second_model`.",
    ),
    case(
        "agreement-in-two-tiers",
        "{¦score: agreement, second_model: spare}",
        "score: 'agreement' needs a flow with one classify stage, and it has 2. Use another score.",
        parts=((*TWO_TIERS[0], "spare: {kind: ngrams}"), TWO_TIERS[1]),
    ),
    case(
        "agreement-in-two-tiers-of-one-model",
        "{¦score: agreement, second_model: slm}",
        "score: 'agreement' needs a flow with one classify stage, and it has 2.",
        parts=(TWO_TIERS[0], (FIRST, SURE, SECOND.replace("slm", "fast"), SURER, DECIDE)),
    ),
    case(
        "second-model-that-nothing-reads",
        "{score: margin, ¦second_model: slm}",
        "second_model: a second model needs score: agreement. Remove it, or add that.",
        parts=WITH_SECOND,
    ),
    case(
        "second-model-without-a-score",
        "{¦second_model: slm}",
        "second_model: a second model needs score: agreement. Remove it, or add that.",
        parts=WITH_SECOND,
    ),
    case(
        "second-model-that-is-the-first",
        "{score: agreement, ¦second_model: fast}",
        "second_model: 'fast' is no small model that no stage classifies with. "
        "Add one to the models.",
    ),
    case(
        "second-model-that-is-large",
        "{score: agreement, ¦second_model: llm}",
        "second_model: 'llm' is no small model that no stage classifies with. "
        "Add one to the models.",
    ),
    case(
        "misspelt-second-model",
        "{score: agreement, ¦second_model: slmm}",
        "second_model: 'slmm' is no small model that no stage classifies with. Did you mean 'slm'?",
        parts=(
            (FAST, SLM, LLM),
            (
                FIRST,
                SURE,
                "{name: similar, kind: retrieve, index: error_cases}",
                DECIDE.replace("}", ", evidence: similar}"),
            ),
        ),
    ),
    case(
        "head-without-a-certificate",
        "{¦score: head}",
        "score: a head is learnt by a fit with a certificate only. "
        "Add a certificate, or use another score.",
    ),
    case(
        "head-in-two-tiers",
        "{¦score: head, certificate: {kind: agree, epsilon: 0.1}}",
        "score: 'head' needs a flow with one classify stage, and it has 2. Use another score.",
        parts=TWO_TIERS,
    ),
    case(
        "head-with-groups",
        "{¦score: head, certificate: {kind: agree, epsilon: 0.1}, groups: [predicted_class]}",
        "score: groups leave no rows for a head to learn from. Remove them, or use another score.",
    ),
    case(
        "margin-for-a-rare-class",
        "{¦score: margin, certificate: {kind: two_sided, "
        "rare_class: {label: disk, miss: 0.1, false_alarm: 0.1}}}",
        "score: two_sided scores by the probability of each label. "
        "Remove it, or use another kind of certificate.",
    ),
]

NEEDS = [
    case(
        "groups-without-a-certificate",
        "{¦groups: [predicted_class]}",
        "groups: 'groups' needs a certificate. Remove it, or add a certificate.",
    ),
    case(
        "uncertified-without-a-certificate",
        "{¦on_uncertified: run_uncertified}",
        "on_uncertified: 'on_uncertified' needs a certificate. Remove it, or add a certificate.",
    ),
    case(
        "audits-without-a-certificate",
        "{¦audits: {share: 0.1}}",
        "audits: 'audits' needs a certificate. Remove it, or add a certificate.",
    ),
    case(
        "audits-of-an-expectation",
        "{certificate: {kind: agree, epsilon: 0.1, mode: expectation}, ¦audits: {}}",
        "audits: audits need a certificate of mode 'stream'. Remove them, or the mode.",
    ),
    case(
        "audits-above-their-largest-share",
        "{certificate: {kind: agree, epsilon: 0.1}, ¦audits: {share: 0.3}}",
        "audits: the share 0.3 is above the largest share 0.25. "
        "Lower `share`, or raise `max_share`.",
    ),
    case(
        "largest-share-below-that-of-all-audits",
        "{certificate: {kind: agree, epsilon: 0.1}, ¦audits: {max_share: 0.005}}",
        "audits: the share 0.01 is above the largest share 0.005.",
    ),
    case(
        "monitor-without-audits",
        "{certificate: {kind: agree, epsilon: 0.1}, ¦monitor: {alpha: 0.001}}",
        "monitor: a monitor needs audits. Remove it, or add audits.",
    ),
    case(
        "monitor-with-audits-of-nothing",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: , ¦monitor: {}}",
        "monitor: a monitor needs audits. Remove it, or add audits.",
    ),
    case(
        "share-for-audits-without-audits",
        "{budget: {llm_share: 0.1, ¦audit_share: 0.2}}",
        "budget.audit_share: a share for audits needs audits. Remove it, or add audits.",
    ),
]

BUDGETS = [
    case(
        "burst-without-a-rate",
        "{budget: {¦burst_usd: 2}}",
        "budget.burst_usd: a burst needs usd_per_hour. Remove it, or add that.",
    ),
    case(
        "burst-of-a-rate-of-nothing",
        "{budget: {usd_per_hour: null, ¦burst_usd: 2}}",
        "budget.burst_usd: a burst needs usd_per_hour.",
        parts=PAID,
    ),
    case(
        "dollars-without-a-price",
        "{budget: {¦usd_per_hour: 5}}",
        "budget.usd_per_hour: a budget in dollars needs a large model with a price. "
        "Add `price` to the model.",
    ),
    case(
        "dollars-of-a-caller-without-a-price",
        "{budget: {per_caller: {¦usd_per_hour: 5}}}",
        "budget.per_caller.usd_per_hour: a budget in dollars needs a large model with a price.",
    ),
    case(
        "dollars-with-a-price-of-nothing",
        "{budget: {¦usd_per_hour: 5}}",
        "budget.usd_per_hour: a budget in dollars needs a large model with a price.",
        parts=((FAST, LLM.replace("}", ", price: }")), ONE_TIER[1]),
    ),
    case(
        "caller-without-a-limit",
        "{budget: {¦per_caller: {}}}",
        "budget.per_caller: it limits nothing. Add a limit, or remove it.",
    ),
    case(
        "caller-with-limits-of-nothing",
        "{budget: {¦per_caller: {llm_share: null, usd_per_hour: }}}",
        "budget.per_caller: it limits nothing.",
    ),
    case(
        "exhaustion-of-no-budget",
        "{certificate: {kind: agree, epsilon: 0.1}, budget: {¦on_exhausted: degrade}}",
        "budget.on_exhausted: 'on_exhausted' needs a budget, and none is stated. "
        "Remove it, or add llm_share or usd_per_hour.",
    ),
    case(
        "share-for-audits-of-no-budget",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: {}, budget: {¦audit_share: 0.2}}",
        "budget.audit_share: 'audit_share' needs a budget, and none is stated.",
    ),
]


@pytest.mark.parametrize(("text", "says"), [*STAGES, *SCORES, *NEEDS, *BUDGETS])
def test_each_broken_rule_is_said_once_at_its_place(refuse, folder, text, says):
    errors, places = refuse(text)

    start = f"{folder / 'cascade.yaml'}:"
    assert len(errors) == len(places) == len(says)
    for error, place, wanted in zip(errors, places, says, strict=True):
        assert str(error).startswith(f"{start}{place}: spec.deferral.{wanted}"), str(error)


def test_a_misspelt_large_model_is_not_said_to_lack_a_price_as_well(refuse):
    text = file("{budget: {usd_per_hour: 5}}", ((FAST, PRICED), (FIRST, SURE, DECIDE)))

    errors, places = refuse(text.replace("model: llm,", "¦model: lm,"))

    assert [error.problem for error in errors] == ["no model is named 'lm'"]
    assert len(places) == 1


def test_a_deferral_is_not_judged_by_a_flow_that_is_out_of_order(refuse):
    errors, _ = refuse(file("{score: agreement}", ((FAST, LLM), (FIRST, DECIDE))))

    assert [error.problem for error in errors] == [
        "a classify that another stage follows needs a gate"
    ]


def test_the_rules_hold_in_a_cascade_that_travelled_without_its_file_too(load):
    values = inline(load(file("{certificate: {kind: agree, epsilon: 0.1}, audits: {}}")))
    values["document"]["spec"]["deferral"]["certificate"]["mode"] = "expectation"

    with pytest.raises(SpecFileError, match="audits need a certificate of mode 'stream'"):
        from_inline(values)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.text("ab{", max_size=3), st.just([]),
    st.just({}),
)  # fmt: skip
KEYS = ("score", "second_model", "certificate", "groups", "on_uncertified", "audits", "monitor")
NESTED = st.dictionaries(
    st.sampled_from(
        ["kind", "epsilon", "mode", "rare_class", "label", "share", "max_share", "llm_share",
         "usd_per_hour", "burst_usd", "audit_share", "per_caller", "on_exhausted"]
    ),
    VALUES,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from([*KEYS, "budget"]), st.one_of(VALUES, NESTED)))
def test_whatever_stands_in_a_deferral_is_taken_or_refused_in_our_words(load, deferral):
    """Rules read values of any type; none of them may break on one."""
    values = inline(load(file("{}")))
    values["document"]["spec"]["deferral"] = deferral

    assert all("spec.deferral" in each.place for each in _refusals(values))


def _refusals(values):
    try:
        from_inline(values)
    except SpecFileError as refused:
        return refused.errors
    return ()
