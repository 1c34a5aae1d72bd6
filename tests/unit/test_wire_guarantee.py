import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate import wire
from headgate.errors import InputError, NotFoundError, RemoteError
from headgate.types import (
    Alternative,
    CascadeSummary,
    CertificateSummary,
    Explanation,
    Feedback,
    FeedbackOutcome,
    GateExplanation,
    GuaranteeState,
)
from headgate.v1 import cascade_service_pb2, types_pb2

CERTIFICATE = CertificateSummary(
    id="c-1",
    kind="agree",
    mode="stream",
    epsilon=0.02,
    delta=0.05,
    certified=True,
    n=900,
    bad=3,
    p_value=0.001,
    automation=0.75,
    labels_needed=0,
    issued="2026-02-03T04:05:06+00:00",
    state=GuaranteeState.CERTIFIED,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
counts = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)
certificates = st.builds(
    CertificateSummary,
    *(names, names, names, floats, floats, st.booleans(), counts, counts, floats, floats, counts),
    issued=st.sampled_from(["", "2026-02-03T04:05:06+00:00", "2026-02-03T04:05:06.789000+00:00"]),
    state=st.sampled_from(GuaranteeState),
    problem=texts,
)
alternatives = st.builds(Alternative, floats, st.booleans(), floats, st.booleans())
gates = st.builds(
    GateExplanation,
    *(names, texts, floats, floats, floats, st.booleans()),
    alternatives=st.lists(alternatives, max_size=3).map(tuple),
)


def parsed(message):
    """Return what the other side of a connection gets."""
    return type(message).FromString(message.SerializeToString())


class TestGuarantee:
    @pytest.mark.parametrize("state", GuaranteeState)
    def test_it_comes_back_equal(self, state):
        assert wire.guarantee_from_wire(wire.guarantee_to_wire(state)) is state

    def test_every_state_of_the_contract_is_known(self):
        states = [wire.guarantee_from_wire(number) for number in types_pb2.GuaranteeState.values()]

        assert set(states) == set(GuaranteeState)

    def test_a_server_that_knows_no_guarantee_gives_none(self):
        result = wire.result_from_wire(types_pb2.Result(certificate_id="c-1"))

        assert result.guarantee is GuaranteeState.UNCERTIFIED

    def test_a_state_it_does_not_know_is_an_error(self):
        with pytest.raises(InputError, match="guarantee: the server sent 99"):
            wire.result_from_wire(types_pb2.Result(guarantee=99))


class TestCertificate:
    @given(certificates)
    def test_it_comes_back_equal(self, certificate):
        message = parsed(wire.certificate_to_wire(certificate))

        assert wire.certificate_from_wire(message) == certificate

    @given(st.none() | certificates)
    def test_a_cascade_comes_back_with_its_own_or_none(self, certificate):
        summary = CascadeSummary("logs", "r1", certificate=certificate)

        assert wire.summary_from_wire(parsed(wire.summary_to_wire(summary))) == summary

    @pytest.mark.parametrize(
        "issued",
        [
            pytest.param("2026-02-03T04:05:06Z", id="utc-by-its-letter"),
            pytest.param("2026-02-03T04:05:06", id="without-an-offset"),
            pytest.param("2026-02-03T06:05:06+02:00", id="of-another-zone"),
        ],
    )
    def test_the_same_moment_always_reads_the_same(self, issued):
        message = wire.certificate_to_wire(replace(CERTIFICATE, issued=issued))

        assert message.issued.seconds == 1_770_091_506
        assert wire.certificate_from_wire(message).issued == "2026-02-03T04:05:06+00:00"

    def test_a_time_that_is_none_is_refused(self):
        with pytest.raises(ValueError, match="yesterday"):
            wire.certificate_to_wire(replace(CERTIFICATE, issued="yesterday"))

    def test_a_number_of_labels_beyond_32_bits_is_cut(self):
        message = wire.certificate_to_wire(replace(CERTIFICATE, labels_needed=2**40))

        assert message.labels_needed == 2**32 - 1

    def test_a_state_it_does_not_know_is_an_error(self):
        message = cascade_service_pb2.CertificateSummary(state=99)

        with pytest.raises(InputError, match="guarantee: the server sent 99"):
            wire.certificate_from_wire(message)


class TestGates:
    @given(st.lists(gates, max_size=2).map(tuple))
    def test_an_explanation_comes_back_with_them_in_order(self, found):
        explanation = Explanation("1", gates=found)

        received = wire.explanation_from_wire(parsed(wire.explanation_to_wire(explanation)))

        assert received == explanation


class TestFeedback:
    @given(st.builds(Feedback, texts, texts, texts))
    def test_it_comes_back_equal(self, feedback):
        assert wire.feedback_from_wire(parsed(wire.feedback_to_wire(feedback))) == feedback

    @pytest.mark.parametrize(
        "feedback",
        [
            pytest.param(Feedback("\ud800", "disk"), id="record-id"),
            pytest.param(Feedback("a", "\ud800"), id="label"),
            pytest.param(Feedback("a", "disk", "\ud800"), id="request-id"),
        ],
    )
    def test_text_that_cannot_be_sent_is_refused(self, feedback):
        with pytest.raises(InputError, match="not valid Unicode"):
            wire.feedback_to_wire(feedback)

    def test_what_was_taken_has_no_error(self):
        outcome = FeedbackOutcome("a")

        assert wire.outcome_from_wire(parsed(wire.outcome_to_wire(outcome))) == outcome

    def test_what_was_not_taken_has_the_servers_error(self):
        outcome = FeedbackOutcome("a", NotFoundError("record 'a'", "unknown", "Look again."))

        received = wire.outcome_from_wire(parsed(wire.outcome_to_wire(outcome)))

        assert received.record_id == "a"
        assert isinstance(received.error, RemoteError)
        assert received.error.args == ("NOT_FOUND", "NOT_FOUND", "record 'a': unknown. Look again.")


class TestCallNames:
    @pytest.mark.parametrize("name", ["a", "~ !", "x" * 128], ids=["short", "ends", "longest"])
    def test_printable_ascii_is_a_name(self, name):
        assert wire.check_call_name(wire.REQUEST_ID, name) == name

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("", id="empty"),
            pytest.param("x" * 129, id="one-character-too-long"),
            pytest.param("a\n", id="line-end"),
            pytest.param("\x7f", id="delete"),
            pytest.param("é", id="beyond-ascii"),
        ],
    )
    def test_anything_else_is_refused_and_not_quoted(self, name):
        with pytest.raises(InputError) as caught:
            wire.check_call_name(wire.CALLER, name)

        assert caught.value.place == "x-headgate-caller"
        assert not name or name not in str(caught.value)
