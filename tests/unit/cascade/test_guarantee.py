import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.certificates import certificate, uncertified
from headgate.cascade.guarantee import Claim, Footing, Guarantee
from headgate.types import GuaranteeState

CERTIFIED, SUSPECT, VOID, UNCERTIFIED = GuaranteeState
ISSUED = certificate()


def test_without_a_certificate_nothing_is_claimed_and_nothing_changes():
    plain = Guarantee()

    assert (plain.state, plain.claim) == (UNCERTIFIED, Claim("", UNCERTIFIED))
    assert (plain.footing, plain.demands) == (Footing.NORMAL, False)
    assert plain.summary() is None


def test_a_certificate_of_what_is_loaded_is_claimed_by_its_name():
    held = Guarantee(ISSUED)

    assert (held.state, held.claim) == (CERTIFIED, Claim(ISSUED.id, CERTIFIED))
    assert (held.footing, held.demands) == (Footing.NORMAL, True)


@pytest.mark.parametrize(
    ("state", "tightens", "footing"),
    [
        pytest.param(CERTIFIED, True, Footing.NORMAL, id="certified"),
        pytest.param(SUSPECT, True, Footing.NORMAL, id="suspect"),
        pytest.param(VOID, True, Footing.TIGHTENED, id="void"),
        pytest.param(VOID, False, Footing.NORMAL, id="void-and-reported-only"),
    ],
)
def test_a_state_that_is_told_is_claimed_and_sets_the_footing(state, tightens, footing):
    held = Guarantee(ISSUED, tightens=tightens)

    held.take(state)

    assert (held.state, held.claim, held.footing) == (state, Claim(ISSUED.id, state), footing)


def test_a_suspicion_that_was_lifted_is_forgotten():
    held = Guarantee(ISSUED)
    held.take(SUSPECT)

    held.take(CERTIFIED)

    assert held.claim == Claim(ISSUED.id, CERTIFIED)


def test_a_certificate_that_was_taken_back_claims_nothing_any_more():
    held = Guarantee(ISSUED)

    held.take(UNCERTIFIED)

    assert (held.claim, held.footing) == (Claim(), Footing.NORMAL)


NEVER = [
    pytest.param(Guarantee, id="no-certificate"),
    pytest.param(lambda: Guarantee(uncertified(), problem="too few labels"), id="too-few-labels"),
    pytest.param(lambda: Guarantee(ISSUED, problem="the prompt differs"), id="another-prompt"),
    pytest.param(
        lambda: Guarantee(ISSUED, problem="the prompt differs", pass_through=False),
        id="another-prompt-and-run-all-the-same",
    ),
]


@pytest.mark.parametrize("guarantee", NEVER)
@pytest.mark.parametrize("told", list(GuaranteeState))
def test_nothing_that_is_told_certifies(guarantee, told):
    """A watch that was started for other files may still report."""
    held = guarantee()
    footing = held.footing

    held.take(told)

    assert (held.state, held.claim, held.footing) == (UNCERTIFIED, Claim(), footing)


@pytest.mark.parametrize(
    ("pass_through", "footing"), [(True, Footing.NOTHING), (False, Footing.NORMAL)]
)
def test_what_was_certified_for_other_files_keeps_nothing_unless_it_shall(pass_through, footing):
    broken = Guarantee(ISSUED, problem="the prompt differs", pass_through=pass_through)

    assert (broken.footing, broken.demands) == (footing, True)


@pytest.mark.parametrize("pass_through", [True, False])
def test_what_a_fit_could_not_certify_has_the_thresholds_that_the_fit_chose(pass_through):
    few = Guarantee(uncertified(), problem="too few labels", pass_through=pass_through)

    assert few.footing is Footing.NORMAL


def test_a_summary_tells_the_state_and_the_problem():
    held = Guarantee(ISSUED)
    held.take(VOID)
    broken = Guarantee(ISSUED, problem="the prompt differs")

    assert held.summary() == ISSUED.summary(VOID, "")
    assert broken.summary() == ISSUED.summary(UNCERTIFIED, "the prompt differs")


@given(st.lists(st.sampled_from(list(GuaranteeState))), st.booleans(), st.booleans())
def test_only_a_certificate_is_ever_claimed_and_only_its_own(told, has_problem, tightens):
    held = Guarantee(ISSUED, problem="x" if has_problem else "", tightens=tightens)
    for state in told:
        held.take(state)

    claims = held.claim.certificate_id != ""
    assert claims == (held.state is not UNCERTIFIED)
    assert claims == (not has_problem and UNCERTIFIED not in told)
    assert held.claim.certificate_id in ("", ISSUED.id)
    assert (held.footing is Footing.TIGHTENED) == (held.state is VOID and tightens)
