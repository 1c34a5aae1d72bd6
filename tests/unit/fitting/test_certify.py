"""What a certificate says, whatever was certified, and what becomes of gates without one."""

import pytest

from fakes.made_up_evidence import RARE, RIGHT, USUAL, WRONG, Sayings, evidence, says, steps
from fakes.made_up_logs import TWO_TIERS
from headgate.cascade.certificate import Certificate
from headgate.fitting.certify import Issue, certify
from headgate.fitting.certify_single import EXPECTED
from headgate.gate.bounds import binomial_p_value, risk_upper_bound
from headgate.gate.threshold import KEEP_NOTHING, threshold_for_share

ISSUE = Issue({"prompt of 'decide'": "abc"}, "def", "2026-11-27T00:00:00+00:00")
BAD = (50, 60, 70, 80, 90)
RARE_CLASS = "rare_class: {label: error, miss: 0.1, false_alarm: 0.1}"


def stated(kind="agree", epsilon=", epsilon: 0.1", more=""):
    return f"{{score: max_prob, certificate: {{kind: {kind}{epsilon}}}{more}}}"


def answers(count, bad=()):
    """So many rows, less and less sure, that are wrong at some places."""
    wrong = set(bad)
    return [says(WRONG if p in wrong else RIGHT, each) for p, each in enumerate(steps(count))]


def certified(loaded, said):
    return certify(evidence(loaded, said), ISSUE, seed=0)


# What is said


def test_a_certificate_says_what_was_proven_for_what_and_when(cascade):
    """Of 100 rows the first 90 are kept, four of them wrong; see the walk of one threshold."""
    _, found = certified(cascade(stated()), Sayings({"cheap": answers(100, BAD)}))

    assert found == Certificate(
        kind="agree",
        mode="stream",
        epsilon=0.1,
        delta=0.05,
        certified=True,
        reason="",
        tiers=("cheap",),
        n=100,
        bad=4,
        p_value=float(binomial_p_value(4, 100, 0.1)),
        automation=0.9,
        labels_needed=0,
        groups=(),
        alarm_epsilon=0.1,
        hashes=ISSUE.hashes,
        data_sha256="def",
        issued=ISSUE.issued,
    )


def test_automation_is_the_share_of_the_certification_rows(cascade):
    """Tuning rows and copies are all unsure, and nobody counts them."""
    small = [*[says(RIGHT, 0.5)] * 50, *answers(100, BAD)]

    _, found = certified(cascade(stated()), Sayings({"cheap": small}, tune=20, idle=range(20, 50)))

    assert found.automation == 0.9


@pytest.mark.parametrize("second_sure", [True, False])
def test_the_tiers_are_those_that_may_answer_in_their_order(cascade, second_sure):
    """The first row leaves at the second tier; the order is that of the flow."""
    first = [says(WRONG, 0.6)] * 30 + [says(RIGHT, 0.9)] * 100
    known = says(RIGHT, 0.9) if second_sure else says(WRONG, 0.6)
    second = [known] * 30 + [says(WRONG, 0.6)] * 100
    small = {"cheap": first * 2, "second": second * 2}

    _, found = certified(cascade(stated(), TWO_TIERS), Sayings(small, tune=130))

    assert found.tiers == (("cheap", "second") if second_sure else ("cheap",))


def test_a_delta_of_the_file_is_the_certificates(cascade):
    """0.9^44 = 0.0097: 44 rows without an error do for 0.01 and 43 do not."""
    for rows in (43, 44):
        loaded = cascade(stated(epsilon=", epsilon: 0.1, delta: 0.01"))
        _, found = certified(loaded, Sayings({"cheap": answers(rows)}))
        assert (found.delta, found.certified) == (0.01, rows == 44)


# What audits are held against


@pytest.mark.parametrize("kind", ["regret", "netgap"])
def test_audits_see_disagreements_so_their_bound_is_of_disagreements(cascade, kind):
    """Both models are wrong on ten rows, and differ on two: no loss, and two of 100."""
    small = [says(WRONG, 0.9)] * 10 + [says(RIGHT, 0.9)] * 90
    large = [WRONG] * 12 + [RIGHT] * 88
    said = Sayings({"cheap": small * 2}, large * 2, tune=100)

    _, found = certified(cascade(stated(kind)), said)

    assert (found.certified, found.automation) == (True, 1.0)
    assert found.alarm_epsilon == risk_upper_bound(2, 100, 0.05)


AUDITED = ", audits: {}"


def test_a_selective_bound_is_of_the_kept_answers_as_its_audits_are(cascade):
    """150 of 200 rows are kept; on three of them the large model says something else."""
    small = [says(RIGHT, 0.9)] * 150 + [says(WRONG, 0.6)] * 50
    large = [WRONG] * 3 + [RIGHT] * 197
    said = Sayings({"cheap": small * 2}, large * 2, tune=200)

    _, found = certified(cascade(stated("selective", more=AUDITED)), said)

    assert (found.n, found.automation) == (150, 0.75)
    assert found.alarm_epsilon == risk_upper_bound(3, 150, 0.05)


def test_the_bound_of_a_rare_class_is_of_all_rows(cascade):
    small = [says(RARE, 0.9)] * 29 + [says(USUAL, 0.9)] * 171
    labels = [RARE] * 29 + [USUAL] * 171
    large = [*labels[:-2], RARE, RARE]
    loaded = cascade(
        stated("two_sided", f", {RARE_CLASS}", AUDITED).replace("score: max_prob, ", "")
    )

    _, found = certified(loaded, Sayings({"cheap": small}, large, labels))

    assert found.automation == 171 / 200
    assert found.alarm_epsilon == risk_upper_bound(2, 200, 0.05)


def test_a_row_without_the_large_models_answer_counts_as_different(cascade):
    large = [RIGHT] * 95 + [None] * 5

    _, found = certified(cascade(stated("regret")), Sayings({"cheap": answers(100)}, large))

    assert found.alarm_epsilon == risk_upper_bound(5, 100, 0.05)


def test_within_a_budget_the_bound_is_what_is_certain(cascade):
    """Of 100 rows that certify 83 are kept, two of them bad; the 96th would be sent on."""
    loaded = cascade(stated(epsilon="", more=", budget: {llm_share: 0.25}"))
    said = Sayings({"cheap": [*answers(100), *answers(100, (10, 20, 95))]}, tune=100)

    _, found = certified(loaded, said)

    assert found.automation == 0.83
    assert found.epsilon == found.alarm_epsilon == risk_upper_bound(2, 100, 0.05)


@pytest.mark.parametrize("kind", ["selective", "two_sided"])
def test_without_a_large_model_to_compare_with_nothing_is_bounded(cascade, kind):
    more = f", {RARE_CLASS}" if kind == "two_sided" else ", epsilon: 0.1"
    loaded = cascade(stated(kind, more).replace("score: max_prob, ", ""))
    said = Sayings({"cheap": answers(200) * 2}, [None] * 400, [RIGHT] * 400, tune=200)

    assert certified(loaded, said)[1].alarm_epsilon == 1.0


# Refusals

NOT_PROVEN = [
    pytest.param("agree", ", epsilon: 0.1", 29, id="agree"),
    pytest.param("regret", ", epsilon: 0.1", 29, id="regret"),
    pytest.param("netgap", ", epsilon: 0.1", 29, id="netgap"),
    pytest.param("selective", ", epsilon: 0.1", 29, id="selective"),
    pytest.param("two_sided", f", {RARE_CLASS}", 29, id="two-sided"),
]


@pytest.mark.parametrize(("kind", "more", "needed"), NOT_PROVEN)
def test_too_few_rows_send_everything_on_and_say_how_many_are_needed(cascade, kind, more, needed):
    loaded = cascade(stated(kind, more).replace("score: max_prob, ", ""))
    said = Sayings({"cheap": answers(20) * 2}, labels=[RARE] * 20 + [RIGHT] * 20, tune=20)

    gates, found = certified(loaded, said)

    gate = gates["cheap_keep"]
    assert (found.certified, found.tiers, found.automation) == (False, (), 0.0)
    assert found.reason == "20 certification units do not prove it"
    assert found.labels_needed == needed
    assert (gate.threshold, gate.tightened) == (KEEP_NOTHING, KEEP_NOTHING)
    assert gate.class_thresholds == {}


def test_with_enough_rows_and_too_many_errors_more_rows_are_needed_than_there_are(cascade):
    """Ten of 100 equal rows are wrong, and they could be kept only together."""
    small = [says(WRONG, 0.8)] * 10 + [says(RIGHT, 0.8)] * 90

    _, found = certified(cascade(stated()), Sayings({"cheap": small}))

    assert (found.certified, found.labels_needed) == (False, 101)


def test_groups_that_are_all_refused_need_what_the_most_wanting_one_needs(cascade):
    loaded = cascade("{groups: [predicted_class], certificate: {kind: agree, epsilon: 0.1}}")
    said = Sayings({"cheap": [says(RIGHT, 0.8)] * 100}, [WRONG] * 10 + [RIGHT] * 90)

    gates, found = certified(loaded, said)

    assert (found.certified, found.labels_needed) == (False, 101)
    assert gates["cheap_keep"].class_thresholds == {}


def test_a_budget_that_bounds_nothing_is_refused(cascade):
    """All kept answers are wrong, so that no risk below 1 is certain."""
    loaded = cascade(stated("selective", "", ", budget: {llm_share: 0.25}"))
    said = Sayings({"cheap": [*answers(100), *answers(100, range(100))]}, tune=100)

    gates, found = certified(loaded, said)

    assert (found.certified, found.epsilon, found.labels_needed) == (False, 1.0, 101)
    assert gates["cheap_keep"].threshold == KEEP_NOTHING


def test_a_file_may_ask_for_the_budgets_gates_when_nothing_is_proven(cascade):
    """Of 20 rows the least sure one may go on at a share of 0.15: 0.85^20 = 0.0388."""
    more = ", on_uncertified: run_uncertified, budget: {llm_share: 0.15}"

    gates, found = certified(cascade(stated(more=more)), Sayings({"cheap": answers(20)}))

    assert gates["cheap_keep"].threshold == threshold_for_share(steps(20)[::-1], 0.15) == 0.6
    assert (found.certified, found.tiers, found.automation) == (False, (), 1.0)
    assert found.labels_needed == 29


def test_with_a_certificate_the_budget_sets_no_threshold(cascade):
    more = ", on_uncertified: run_uncertified, budget: {llm_share: 0.15}"
    said = Sayings({"cheap": answers(100, BAD)})

    limited, unlimited = (certified(cascade(stated(more=each)), said) for each in (more, ""))

    assert limited == unlimited


def test_a_refused_plan_of_several_tiers_runs_the_last_one_alone(cascade):
    small = {name: [says(WRONG, 0.9)] * 60 for name in ("cheap", "second")}

    gates, found = certified(cascade(stated(), TWO_TIERS), Sayings(small, tune=30))

    assert [gate.planned for gate in gates.values()] == [False, True]
    assert {gate.threshold for gate in gates.values()} == {KEEP_NOTHING}
    assert (found.certified, found.tiers) == (False, ())


# In expectation

AVERAGE = ", epsilon: 0.1, mode: expectation"


def test_gates_that_hold_on_average_stay_and_are_not_certified(cascade):
    """Of 39 rows 35 are kept, three of them bad."""
    said = Sayings({"cheap": answers(39, (10, 20, 30, 35))})

    gates, found = certified(cascade(stated(epsilon=AVERAGE)), said)

    assert 0.6 < gates["cheap_keep"].threshold < 0.7
    assert (found.mode, found.certified, found.reason) == ("expectation", False, EXPECTED)
    assert (found.bad, found.automation, found.tiers) == (3, 35 / 39, ())
    assert found.labels_needed == 40
    assert found.problem(found.hashes) == EXPECTED


@pytest.mark.parametrize(
    ("policy", "threshold"), [("pass_through", KEEP_NOTHING), ("run_uncertified", 0.6)]
)
def test_where_not_even_an_average_holds_the_files_policy_does(cascade, policy, threshold):
    """Of 20 equal rows three are bad: (3 + 1) / 21 is above 0.1."""
    small = [says(WRONG, 0.6)] * 3 + [says(RIGHT, 0.6)] * 17
    more = f", on_uncertified: {policy}"

    gates, found = certified(cascade(stated(epsilon=AVERAGE, more=more)), Sayings({"cheap": small}))

    assert gates["cheap_keep"].threshold == threshold
    assert (found.certified, found.reason) == (False, "20 certification units do not prove it")


# Odd rows


@pytest.mark.parametrize("kind", ["agree", "regret", "netgap", "selective"])
def test_no_certification_rows_prove_nothing(cascade, kind):
    said = Sayings({"cheap": answers(40)}, tune=20, idle=range(20, 40))

    gates, found = certified(cascade(stated(kind)), said)

    assert (found.certified, found.automation, found.labels_needed) == (False, 0.0, 29)
    assert gates["cheap_keep"].threshold == KEEP_NOTHING


@pytest.mark.parametrize("kind", ["agree", "regret", "netgap", "selective"])
def test_rows_without_an_error_are_all_kept(cascade, kind):
    _, found = certified(cascade(stated(kind)), Sayings({"cheap": answers(200) * 2}, tune=200))

    assert (found.certified, found.bad, found.automation) == (True, 0, 1.0)


def test_without_a_certificate_there_is_nothing_to_certify(cascade):
    with pytest.raises(ValueError, match="no certificate is asked for"):
        certified(cascade("{budget: {llm_share: 0.2}}"), Sayings({"cheap": answers(20)}))
