"""Rules of certificates, and the types of what a deferral says.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest

from fakes.deferral_files import (
    CAUSES,
    ONE_TIER,
    PAID,
    RARE_CLASS,
    SMALL_TIERS,
    TWO_TIERS,
    UNGATED,
    WITH_SECOND,
    case,
    file,
)

CERTIFICATES = [
    case(
        "neither-risk-nor-budget",
        "{¦certificate: {kind: agree}}",
        "certificate: it states neither a risk nor a budget. "
        "Add `epsilon`, or `llm_share` to the budget.",
    ),
    case(
        "risk-of-nothing",
        "{¦certificate: {kind: regret, epsilon: }}",
        "certificate: it states neither a risk nor a budget.",
    ),
    case(
        "budget-of-nothing",
        "{¦certificate: {kind: selective}, budget: {llm_share: }}",
        "certificate: it states neither a risk nor a budget.",
    ),
    case(
        "gap-within-a-budget",
        "{certificate: {¦kind: netgap}, budget: {llm_share: 0.2}}",
        "certificate.kind: without epsilon no gap can be certified. "
        "Add `epsilon`, or use another kind.",
    ),
    case(
        "gap-of-nothing",
        "{¦certificate: {¦kind: netgap, epsilon: null}}",
        "certificate: it states neither a risk nor a budget.",
        "certificate.kind: without epsilon no gap can be certified.",
    ),
    case(
        "expected-gap",
        "{certificate: {kind: netgap, epsilon: 0.1, ¦mode: expectation}}",
        "certificate.mode: this mode is for the kinds 'agree' and 'regret' with an epsilon. "
        "Remove it, or change the kind.",
    ),
    case(
        "expectation-within-a-budget",
        "{certificate: {kind: agree, ¦mode: expectation}, budget: {llm_share: 0.2}}",
        "certificate.mode: this mode is for the kinds 'agree' and 'regret' with an epsilon.",
    ),
    case(
        "expectation-in-two-tiers",
        "{¦certificate: {kind: agree, epsilon: 0.1, mode: expectation}}",
        "certificate: this certificate is for a flow with one classify stage. "
        "State an epsilon with another kind and mode.",
        parts=TWO_TIERS,
    ),
    case(
        "budget-of-two-tiers",
        "{¦certificate: {kind: agree}, budget: {llm_share: 0.2}}",
        "certificate: this certificate is for a flow with one classify stage.",
        parts=TWO_TIERS,
    ),
    case(
        "budget-of-two-tiers-in-a-stream",
        "{¦certificate: {kind: agree, mode: stream}, budget: {llm_share: 0.2}}",
        "certificate: this certificate is for a flow with one classify stage.",
        parts=TWO_TIERS,
    ),
]

CLASSES = [
    case(
        "rare-class-of-another-kind",
        "{certificate: {kind: agree, epsilon: 0.1, ¦rare_class: "
        "{label: disk, miss: 0.1, false_alarm: 0.1}}}",
        "certificate.rare_class: a rare class needs kind: two_sided. Remove it, or change that.",
    ),
    case(
        "two-sided-without-a-rare-class",
        "{certificate: {¦kind: two_sided}}",
        "certificate.kind: two_sided needs a rare class. Add `rare_class`.",
    ),
    case(
        "two-sided-with-an-epsilon",
        f"{{certificate: {{kind: two_sided, ¦epsilon: 0.1, {RARE_CLASS}}}}}",
        "certificate.epsilon: two_sided has a bound for each class instead. Remove it.",
    ),
    case(
        "rare-class-that-is-no-label",
        "{certificate: {kind: two_sided, rare_class: {¦label: disc, miss: 0.1, false_alarm: 0.1}}}",
        "certificate.rare_class.label: 'disc' is no label of the task. Did you mean 'disk'?",
    ),
    case(
        "rare-class-that-is-nowhere-near",
        "{certificate: {kind: two_sided, rare_class: {¦label: fan, miss: 0.1, false_alarm: 0.1}}}",
        "certificate.rare_class.label: 'fan' is no label of the task. Use 'disk' or 'net'.",
    ),
    case(
        "two-sided-of-three",
        f"{{certificate: {{¦kind: two_sided, {RARE_CLASS}}}}}",
        "certificate.kind: two_sided needs a task of 2 labels, found 3. Use another kind.",
        task="{operation: level, labels: [disk, net, fan]}",
    ),
    case(
        "two-sided-of-causes",
        f"{{certificate: {{¦kind: two_sided, {RARE_CLASS}}}}}",
        "certificate.kind: two_sided needs a task of 2 labels, found 0.",
        task=CAUSES,
    ),
    case(
        "two-sided-in-two-tiers",
        f"{{¦certificate: {{kind: two_sided, mode: stream, {RARE_CLASS}}}}}",
        "certificate: this certificate is for a flow with one classify stage.",
        parts=TWO_TIERS,
    ),
    case(
        "groups-in-two-tiers",
        "{certificate: {kind: agree, epsilon: 0.1}, ¦groups: [predicted_class]}",
        "groups: groups are for one classify stage and the kinds 'agree' and 'regret'. "
        "Remove them, or state such a kind and an epsilon alone.",
        parts=TWO_TIERS,
    ),
    case(
        "groups-of-another-kind",
        "{certificate: {kind: selective, epsilon: 0.1}, ¦groups: [predicted_class]}",
        "groups: groups are for one classify stage and the kinds 'agree' and 'regret'.",
    ),
    case(
        "groups-within-a-budget",
        "{certificate: {kind: agree}, ¦groups: [predicted_class], budget: {llm_share: 0.2}}",
        "groups: groups are for one classify stage and the kinds 'agree' and 'regret'.",
    ),
    case(
        "groups-of-an-expectation",
        "{certificate: {kind: agree, epsilon: 0.1, mode: expectation}, ¦groups: [predicted_class]}",
        "groups: groups are for one classify stage and the kinds 'agree' and 'regret'.",
    ),
    case(
        "groups-of-causes",
        "{certificate: {kind: agree, epsilon: 0.1}, ¦groups: [predicted_class]}",
        "groups: records of rank_causes share no labels to group by. Remove them.",
        task=CAUSES,
    ),
]


@pytest.mark.parametrize(("text", "says"), [*CERTIFICATES, *CLASSES])
def test_each_broken_rule_of_a_certificate_is_said_once_at_its_place(refuse, folder, text, says):
    errors, places = refuse(text)

    start = f"{folder / 'cascade.yaml'}:"
    assert len(errors) == len(places) == len(says)
    for error, place, wanted in zip(errors, places, says, strict=True):
        assert str(error).startswith(f"{start}{place}: spec.deferral.{wanted}"), str(error)


TYPES = [
    case(
        "risk-of-everything",
        "{certificate: {kind: agree, ¦epsilon: 1}}",
        "certificate.epsilon: expected a number above 0, below 1, found the number 1.",
    ),
    case(
        "delta-of-a-coin",
        "{certificate: {kind: agree, epsilon: 0.1, ¦delta: 0.5}}",
        "certificate.delta: expected a number above 0, below 0.5, found the number 0.5.",
    ),
    case(
        "number-in-quotes",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: {}, monitor: {¦alpha: '1e-6'}}",
        "monitor.alpha: expected a number above 0, at most 0.01, found '1e-6'. "
        "Write the number without quotes or units.",
    ),
    case(
        "kind-that-is-not-there",
        "{certificate: {¦kind: regert, epsilon: 0.1}}",
        "certificate.kind: expected 'agree', 'regret', 'netgap', 'selective' or 'two_sided', found "
        "'regert'. Did you mean 'regret'?",
    ),
    case(
        "certificate-without-a-kind",
        "{¦certificate: {epsilon: 0.1}}",
        "certificate: missing key 'kind'. Add it.",
    ),
    case(
        "mode-of-a-later-release",
        "{certificate: {kind: agree, epsilon: 0.1, ¦mode: batch}}",
        "certificate.mode: expected 'stream' or 'expectation', found 'batch'.",
    ),
    case(
        "group-that-is-not-there",
        "{certificate: {kind: agree, epsilon: 0.1}, groups: [¦tenant]}",
        "groups[0]: expected 'predicted_class', found 'tenant'.",
    ),
    case(
        "rare-class-without-a-bound",
        "{certificate: {kind: two_sided, ¦rare_class: {label: disk, miss: 0.1}}}",
        "certificate.rare_class: missing key 'false_alarm'. Add it.",
    ),
    case(
        "share-for-audits-of-everything",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: {}, "
        "budget: {llm_share: 0.1, ¦audit_share: 1}}",
        "budget.audit_share: expected a number of at least 0, below 1, found the number 1.",
    ),
    case(
        "key-of-audits-in-the-file",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: {¦key: correct-horse-battery}}",
        "audits.key: expected a mapping of 1 key, found a value that is not shown.",
    ),
    case(
        "key-of-audits-from-two-places",
        "{certificate: {kind: agree, epsilon: 0.1}, audits: {¦key: {env: A, file: /run/b}}}",
        "audits.key: it needs one of 'env' and 'file'. Write {env: NAME} or {file: PATH}.",
    ),
]


@pytest.mark.parametrize(("text", "says"), TYPES)
def test_a_value_of_a_wrong_type_or_size_is_said_at_its_place(refuse, text, says):
    errors, places = refuse(text)

    assert [str(error).split(": spec.deferral.")[0].split(".yaml:")[1] for error in errors] == (
        places
    )
    assert str(errors[0]).split("spec.deferral.")[1].startswith(says[0])


VALID = [
    pytest.param("{}", ONE_TIER, id="nothing"),
    pytest.param("{}", UNGATED, id="nothing-in-a-flow-of-one"),
    pytest.param("{score: margin}", SMALL_TIERS, id="score-without-a-large-model"),
    pytest.param("{budget: {on_exhausted: reject}}", ONE_TIER, id="the-default-share-may-run-out"),
    pytest.param("{budget: {usd_per_hour: 5, burst_usd: 1}}", PAID, id="dollars"),
    pytest.param("{budget: {per_caller: {llm_share: 0}}}", ONE_TIER, id="caller"),
    pytest.param("{budget: {per_caller: }}", ONE_TIER, id="no-caller"),
    pytest.param("{second_model: , certificate: , audits: }", ONE_TIER, id="keys-of-nothing"),
    pytest.param("{score: agreement, second_model: slm}", WITH_SECOND, id="agreement"),
    pytest.param("{certificate: {kind: netgap, epsilon: 0.1}}", TWO_TIERS, id="planned-tiers"),
    pytest.param(
        "{certificate: {kind: selective, epsilon: 0.1, mode: stream}}", TWO_TIERS, id="stream"
    ),
    pytest.param(
        "{certificate: {kind: agree}, budget: {llm_share: 0.2}}", ONE_TIER, id="risk-of-a-budget"
    ),
    pytest.param(
        "{certificate: {kind: agree, epsilon: 0.1, mode: expectation}}", ONE_TIER, id="expectation"
    ),
    pytest.param(
        f"{{score: max_prob, certificate: {{kind: two_sided, {RARE_CLASS}}}}}",
        ONE_TIER,
        id="rare-class",
    ),
    pytest.param(
        "{certificate: {kind: regret, epsilon: 0.1}, groups: [predicted_class]}",
        ONE_TIER,
        id="groups",
    ),
    pytest.param(
        "{certificate: {kind: regret, epsilon: 0.1}, groups: []}", TWO_TIERS, id="no-groups"
    ),
    pytest.param("{score: head, certificate: {kind: regret, epsilon: 0.1}}", ONE_TIER, id="head"),
    pytest.param(
        "{certificate: {kind: regret, epsilon: 0.1}, on_uncertified: run_uncertified, "
        "audits: {share: 0.25}, monitor: {alpha: 1.0e-6}, "
        "budget: {usd_per_hour: 1, audit_share: 0, on_exhausted: reject}}",
        PAID,
        id="everything",
    ),
]


@pytest.mark.parametrize(("deferral", "parts"), VALID)
def test_a_deferral_that_breaks_no_rule_is_taken(load, deferral, parts):
    assert load(file(deferral, parts)).name == "parts"


@pytest.mark.parametrize("kind", ["agree", "regret"])
def test_causes_may_be_certified_as_a_whole(load, kind):
    text = file(f"{{certificate: {{kind: {kind}, epsilon: 0.1}}}}", task=CAUSES)

    assert load(text).spec.deferral.certificate.kind == kind
