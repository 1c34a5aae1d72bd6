import pytest

from fakes.made_up_logs import (
    CHEAP,
    CHEAP_KEEP,
    DECIDE,
    GATED,
    NGRAMS,
    REPLAY,
    TWO_HEADED,
    TWO_TIERS,
    make_cascade,
)
from headgate.cascade.deferral import DeferralSpec
from headgate.errors import InputError
from headgate.fitting.needs import asks_reference, needs_tuning, refuse_many_tiers

ENCODER = "slm: {kind: encoder}"
SIMILAR = "{name: similar, kind: retrieve, index: error_cases}"
SHOWN = DECIDE.replace("}", ", evidence: similar}")
WITH_CASES = {
    "models": (NGRAMS, ENCODER, REPLAY),
    "flow": (CHEAP, CHEAP_KEEP, SIMILAR, SHOWN),
}
AGREE = "certificate: {kind: agree, epsilon: 0.1}"
RARE = "{label: error, miss: 0.1, false_alarm: 0.1}"


def spec(folder, parts, deferral):
    return make_cascade(folder, "level", **parts, deferral=f"{{{deferral}}}").spec


TUNES = [
    pytest.param(GATED, "score: auto", 1, True, id="no-certificate"),
    pytest.param(GATED, AGREE, 333, False, id="auto-of-few-rows"),
    pytest.param(GATED, AGREE, 334, True, id="auto-of-many-rows"),
    pytest.param(GATED, f"score: max_prob, {AGREE}", 10_000, False, id="a-fixed-score"),
    pytest.param(GATED, f"score: margin, {AGREE}", 10_000, False, id="another-fixed-score"),
    pytest.param(GATED, f"score: head, {AGREE}", 20, True, id="a-head"),
    pytest.param(
        TWO_HEADED,
        f"score: agreement, second_model: wide, {AGREE}",
        10_000,
        False,
        id="agreement-of-two-models",
    ),
    pytest.param(
        GATED, f"groups: [predicted_class], {AGREE}", 10_000, False, id="groups-have-no-head"
    ),
    pytest.param(GATED, "certificate: {kind: regret, epsilon: 0.1}", 20, False, id="regret"),
    pytest.param(GATED, "certificate: {kind: netgap, epsilon: 0.1}", 20, True, id="netgap"),
    pytest.param(GATED, "certificate: {kind: selective, epsilon: 0.1}", 20, True, id="selective"),
    pytest.param(
        GATED, f"certificate: {{kind: two_sided, rare_class: {RARE}}}", 20, True, id="two-sided"
    ),
    pytest.param(
        GATED, "certificate: {kind: agree}, budget: {llm_share: 0.2}", 20, True, id="budget"
    ),
    pytest.param(WITH_CASES, f"score: max_prob, {AGREE}", 20, True, id="a-case-store"),
    pytest.param(TWO_TIERS, f"score: max_prob, {AGREE}", 20, True, id="two-tiers"),
]


@pytest.mark.parametrize(("parts", "deferral", "rows", "tunes"), TUNES)
def test_rows_tune_only_where_something_is_chosen_by_them(tmp_path, parts, deferral, rows, tunes):
    """A head needs a hundred tuning rows, which are three tenths of 334."""
    assert needs_tuning(spec(tmp_path, parts, deferral), rows) == tunes


AUDITS = {"audits": {}}
ASKS = [
    pytest.param({}, False, id="no-certificate"),
    pytest.param({"kind": "agree", "epsilon": 0.1}, True, id="agree"),
    pytest.param({"kind": "regret", "epsilon": 0.1}, True, id="regret"),
    pytest.param({"kind": "netgap", "epsilon": 0.1}, True, id="netgap"),
    pytest.param({"kind": "selective", "epsilon": 0.1}, False, id="selective"),
    pytest.param(
        {"kind": "two_sided", "rare_class": {"label": "e", "miss": 0.1, "false_alarm": 0.1}},
        False,
        id="two-sided",
    ),
]


@pytest.mark.parametrize(("certificate", "asks"), ASKS)
def test_the_large_model_is_asked_where_the_loss_reads_it(certificate, asks):
    deferral = {"certificate": certificate} if certificate else {}

    assert asks_reference(DeferralSpec.model_validate(deferral)) == asks


@pytest.mark.parametrize("certificate", [each.values[0] for each in ASKS[1:]])
def test_audits_need_to_know_how_often_the_large_model_differs(certificate):
    deferral = DeferralSpec.model_validate({"certificate": certificate, **AUDITS})

    assert asks_reference(deferral)


def tiers(count):
    """So many small models, each with a gate, before a large one."""
    places = range(count)
    return {
        "models": (*(f"m{place}: {{kind: ngrams, buckets: 1024}}" for place in places), REPLAY),
        "flow": (
            *(
                f"{{name: {kind}{place}, kind: {kind}, {key}}}"
                for place in places
                for kind, key in (
                    ("classify", f"model: m{place}"),
                    ("gate", f"of: classify{place}"),
                )
            ),
            DECIDE,
        ),
    }


def test_more_tiers_than_can_be_planned_are_not_certified(tmp_path):
    with pytest.raises(InputError) as caught:
        refuse_many_tiers(spec(tmp_path, tiers(7), AGREE))

    assert caught.value.args == (
        "spec.flow",
        "7 classify stages cannot be certified together",
        "Use at most 6, or no certificate.",
    )


@pytest.mark.parametrize(("count", "deferral"), [(6, AGREE), (7, "score: auto")])
def test_as_many_tiers_as_can_be_planned_or_any_without_a_certificate(tmp_path, count, deferral):
    refuse_many_tiers(spec(tmp_path, tiers(count), deferral))
