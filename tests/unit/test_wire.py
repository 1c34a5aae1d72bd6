import string
from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from headgate import wire
from headgate.errors import InputError, LmRefusedError, RemoteError, StageError
from headgate.types import (
    Advice,
    Candidate,
    CascadeDescription,
    CascadeSummary,
    Decision,
    Explanation,
    GuaranteeState,
    Hit,
    Judgement,
    Prediction,
    Record,
    Result,
    StageSummary,
    Step,
    Tier,
    Usage,
    Verification,
)
from headgate.v1 import (
    log_analysis_service_pb2,
    types_pb2,
    verifier_service_pb2,
)

LATIN_1 = "Grüße".encode("latin-1")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
any_texts = st.text(max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
counts = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)
usages = st.builds(Usage, counts, counts, counts, floats, st.booleans())
hits = st.builds(Hit, names, floats, texts, st.dictionaries(names, texts, max_size=2))
steps = st.builds(
    Step, names, names, st.sampled_from(Decision), floats, st.none() | floats, detail=texts
)
errors = st.builds(RemoteError, names, names, texts)
candidates = st.builds(Candidate, names, texts)
records = st.builds(
    Record,
    names,
    st.dictionaries(names, texts, max_size=3),
    st.lists(candidates, max_size=3).map(tuple),
)
parts = st.builds(Result, names, texts, floats)
advice = st.builds(Advice, texts, floats, texts, usefulness=st.none() | floats)
results = st.builds(
    Result,
    record_id=names,
    answer=texts,
    confidence=floats,
    tier=st.none() | st.sampled_from(Tier),
    path=st.lists(steps, max_size=2).map(tuple),
    evidence=st.lists(hits, max_size=2).map(tuple),
    rationale=texts,
    usage=usages,
    certificate_id=names,
    guarantee=st.sampled_from(GuaranteeState),
    degraded=texts,
    lossy_input=st.booleans(),
    cached=st.booleans(),
    error=st.none() | errors,
    parts=st.lists(parts, max_size=2).map(tuple),
    ranking=st.lists(st.tuples(texts, floats), max_size=2).map(tuple),
    advice=st.lists(advice, max_size=2).map(tuple),
)


def parsed(message):
    """Return what the other side of a connection gets."""
    return type(message).FromString(message.SerializeToString())


def facts(answer):
    """Return `answer` with its error as values: errors compare by identity."""
    return replace(answer, error=None), answer.error and answer.error.args


class TestText:
    @given(st.binary())
    def test_any_bytes_survive_as_surrogate_escapes(self, data):
        assert wire.text_to_wire(data.decode(errors="surrogateescape")) == data

    @given(any_texts)
    def test_any_string_can_be_sent_and_decoded(self, text):
        wire.text_from_wire(wire.text_to_wire(text))

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            pytest.param("é�".encode(), ("é�", False), id="utf-8-with-its-own-U+FFFD"),
            pytest.param(LATIN_1, ("Gr��e", True), id="latin-1"),
            pytest.param(b"", ("", False), id="empty"),
            pytest.param(b"a\0b", ("a\0b", False), id="nul"),
            pytest.param(b"\xed\xa0\x80", ("���", True), id="encoded-surrogate"),
            pytest.param(b"ok \xe2\x82", ("ok �", True), id="cut-in-a-character"),
        ],
    )
    def test_only_bytes_that_are_not_utf_8_are_replaced(self, data, expected):
        assert wire.text_from_wire(data) == expected

    def test_a_surrogate_that_stands_for_no_byte_arrives_as_lossy(self):
        assert wire.text_from_wire(wire.text_to_wire("a\ud800")) == ("a���", True)


class TestRecord:
    @given(records)
    def test_it_comes_back_equal(self, record):
        assert wire.record_from_wire(parsed(wire.record_to_wire(record)), 0) == record

    @given(st.dictionaries(texts, st.binary(), max_size=3), st.lists(st.binary(), max_size=3))
    def test_decoding_never_raises(self, fields, options):
        message = types_pb2.Record(
            fields=fields, candidates=[types_pb2.Candidate(text=text) for text in options]
        )

        record = wire.record_from_wire(parsed(message), 7)

        assert record.id == "7"
        assert record.fields.keys() == fields.keys()
        assert len(record.candidates) == len(options)

    @given(st.binary(max_size=64))
    def test_mutated_messages_are_refused_or_decoded(self, data):
        try:
            message = types_pb2.Record.FromString(data)
        except DecodeError:
            return

        wire.record_from_wire(message, 0)

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(types_pb2.Record(fields={"log": LATIN_1}), id="in-a-field"),
            pytest.param(
                types_pb2.Record(candidates=[types_pb2.Candidate(id="a", text=LATIN_1)]),
                id="in-a-candidate",
            ),
        ],
    )
    def test_replaced_bytes_mark_it_as_lossy(self, message):
        assert wire.record_from_wire(message, 0).lossy

    def test_that_it_is_lossy_is_not_sent(self):
        message = wire.record_to_wire(Record("a", {"log": "x"}, lossy=True))

        assert not wire.record_from_wire(message, 0).lossy

    @pytest.mark.parametrize(
        "record",
        [
            pytest.param(Record("\ud800", {}), id="record-id"),
            pytest.param(Record("a", {"\udcff": "x"}), id="field-name"),
            pytest.param(Record("a", {}, (Candidate("\ud800", "x"),)), id="candidate-id"),
        ],
    )
    def test_a_name_that_cannot_be_sent_is_refused(self, record):
        with pytest.raises(InputError, match="not valid Unicode"):
            wire.record_to_wire(record)


class TestLogRecord:
    @pytest.mark.parametrize("field", ["log", "line"])
    def test_it_comes_back_equal(self, field):
        record = Record("a", {field: "boom", "description": "It broke."}, (Candidate("c", "Rust"),))

        message = parsed(wire.log_record_to_wire(record))

        assert wire.log_record_from_wire(message, 0, field) == record

    def test_an_empty_description_is_no_description(self):
        message = log_analysis_service_pb2.LogRecord(log=b"boom")

        assert wire.log_record_from_wire(message, 3, "line") == Record("3", {"line": "boom"})

    @given(st.binary(), st.binary(), st.binary())
    def test_decoding_never_raises(self, log, description, cause):
        message = log_analysis_service_pb2.LogRecord(
            log=log, description=description, causes=[types_pb2.Candidate(text=cause)]
        )

        assert "log" in wire.log_record_from_wire(message, 0, "log").fields

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({}, id="nothing"),
            pytest.param({"description": "x"}, id="no-log"),
            pytest.param({"log": "x", "line": "x"}, id="two-logs"),
            pytest.param({"log": "x", "module": "x"}, id="a-field-it-has-no-place-for"),
        ],
    )
    def test_fields_it_cannot_carry_are_refused(self, fields):
        with pytest.raises(InputError, match="not those of a log record"):
            wire.log_record_to_wire(Record("a", fields))


class TestResult:
    @given(results)
    def test_it_comes_back_equal(self, result):
        received = wire.result_from_wire(parsed(wire.result_to_wire(result)))

        assert facts(received) == facts(result)

    @pytest.mark.parametrize(
        "number",
        [
            pytest.param(number, id=name)
            for name, number in types_pb2.Decision.items()
            if number != types_pb2.DECISION_UNSPECIFIED
        ],
    )
    def test_every_decision_of_the_contract_is_known(self, number):
        step = wire.step_from_wire(types_pb2.Step(decision=number))

        assert wire.step_to_wire(step).decision == number

    @pytest.mark.parametrize("number", types_pb2.Tier.values())
    def test_every_tier_of_the_contract_is_known(self, number):
        result = wire.result_from_wire(types_pb2.Result(tier=number))

        assert wire.result_to_wire(result).tier == number

    @pytest.mark.parametrize("number", [0, 99])
    def test_a_decision_it_does_not_know_is_an_error(self, number):
        message = types_pb2.Result(path=[types_pb2.Step(decision=number)])

        with pytest.raises(InputError, match=rf"step\.decision: the server sent {number}"):
            wire.result_from_wire(message)

    def test_a_tier_it_does_not_know_is_an_error(self):
        with pytest.raises(InputError, match="tier: the server sent 99"):
            wire.result_from_wire(types_pb2.Result(tier=99))

    def test_no_tier_is_none(self):
        assert wire.result_from_wire(types_pb2.Result()).tier is None

    def test_lone_surrogates_in_prose_do_not_cost_the_answer(self):
        result = Result(
            "a",
            answer="match",
            path=(Step("s", "gate", Decision.KEPT, 1.0, detail="\ud800"),),
            evidence=(Hit("1\ud800", 0.5, "t\ud800", {"label\ud800": "\udcff"}),),
            rationale="because \ud800",
            advice=(Advice("view\ud800", 0.5, "\udcff"),),
            error=RemoteError("INTERNAL", "X", "\ud800"),
        )

        received = wire.result_from_wire(parsed(wire.result_to_wire(result)))

        assert received.rationale == "because ?"
        assert received.advice == (Advice("view?", 0.5, "?"),)
        assert received.evidence == (Hit("1?", 0.5, "t?", {"label?": "?"}),)
        assert received.path[0].detail == "?"
        assert received.error.message == "?"

    @pytest.mark.parametrize(("tokens", "sent"), [(2**40, 2**32 - 1), (-1, 0), (5, 5)])
    def test_token_counts_are_cut_to_what_a_message_holds(self, tokens, sent):
        assert wire.usage_to_wire(Usage(input_tokens=tokens)).input_tokens == sent


class TestError:
    def test_it_keeps_status_reason_and_words(self):
        error = LmRefusedError("model 'llm'", "the key is refused", "Check it.")

        received = wire.error_from_wire(parsed(wire.error_to_wire(error)))

        assert received.status == "FAILED_PRECONDITION"
        assert received.reason == "LARGE_MODEL_REFUSED"
        assert received.message == "model 'llm': the key is refused. Check it."

    def test_an_error_that_came_from_a_server_is_passed_on_unchanged(self):
        error = RemoteError("NOT_FOUND", "NO_SUCH", "nothing here")

        assert wire.error_from_wire(wire.error_to_wire(error)).args == error.args


class TestPrediction:
    def test_options_come_most_probable_first(self):
        prediction = Prediction(("a", "b", "c"), (0.2, 0.5, 0.3))

        message = parsed(wire.prediction_to_wire("1", prediction))

        assert (message.record_id, message.answer, message.confidence) == ("1", "b", 0.5)
        assert wire.prediction_from_wire(message) == Prediction(("b", "c", "a"), (0.5, 0.3, 0.2))

    def test_a_tie_keeps_the_declared_order(self):
        prediction = Prediction(("z", "a"), (0.5, 0.5))

        assert wire.prediction_from_wire(wire.prediction_to_wire("1", prediction)) == prediction

    def test_an_error_takes_its_place(self):
        message = parsed(wire.prediction_to_wire("1", StageError("s", "no text", "Give one.")))

        assert message.answer == ""
        assert wire.prediction_from_wire(message).reason == "RECORD_FAILED"


class TestVerification:
    @pytest.mark.parametrize("confirmed", [None, False, True])
    def test_it_comes_back_equal(self, confirmed):
        judgement = Judgement("match", "It fits.", Usage(1, 20, 5, 0.25))
        verification = Verification("1", judgement, confirmed)

        message = parsed(wire.verification_to_wire(verification))

        assert wire.verification_from_wire(message) == verification

    def test_that_it_was_cached_is_not_sent(self):
        verification = Verification("1", Judgement("match", "", Usage(), cached=True))

        received = wire.verification_from_wire(wire.verification_to_wire(verification))

        assert not received.judgement.cached

    def test_an_error_has_no_judgement(self):
        error = StageError("s", "no", "Try again.")

        message = parsed(wire.verification_to_wire(Verification("1", error=error)))
        received = wire.verification_from_wire(message)

        assert received.judgement is None
        assert received.error.status == "INTERNAL"

    def test_a_judgement_beside_an_error_is_not_read(self):
        message = verifier_service_pb2.Verification(answer="x", error=types_pb2.RecordError())

        assert wire.verification_from_wire(message).judgement is None


def test_an_explanation_comes_back_equal():
    explanation = Explanation(
        "1",
        answer="match",
        confidence=0.5,
        tier=Tier.LARGE,
        path=(Step("triage", "classify", Decision.ANSWERED, 1.5, score=0.0),),
        evidence=(Hit("7", -0.25, "past case", {"label": "match"}),),
        expected_usage=Usage(1, 300, 40, estimated=True),
        error=RemoteError("INTERNAL", "X", "y"),
    )

    received = wire.explanation_from_wire(parsed(wire.explanation_to_wire(explanation)))

    assert facts(received) == facts(explanation)


def test_a_ranking_keeps_its_order_and_scores():
    ranking = (("b", 2.5), ("a", -1.0))

    assert wire.ranking_from_wire(parsed(wire.ranking_to_wire(ranking))) == ranking


def test_a_description_comes_back_equal():
    description = CascadeDescription(
        CascadeSummary("logs", "r1", "Fits?", ready=False, problem="not fitted"),
        operation="match_description",
        fields=("log", "description"),
        labels=("mismatch", "match"),
        stages=(StageSummary("keep", "gate", threshold=0.0), StageSummary("decide", "verify", "m")),
        llm_share=0.15,
        development_metrics={"accuracy": 0.875},
    )

    assert wire.description_from_wire(parsed(wire.description_to_wire(description))) == description
