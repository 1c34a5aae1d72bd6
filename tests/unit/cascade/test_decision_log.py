import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.watched_cascade import CERTIFICATE_ID, decision
from headgate.cascade.decision_log import FILE, Decision, DecisionLog, read_decisions
from headgate.errors import InputError


@pytest.fixture
def log(tmp_path):
    with closing(DecisionLog(tmp_path / "parts")) as opened:
        yield opened


def everything(log):
    return log.of_certificate(CERTIFICATE_ID)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SHARE = st.floats(0, 1)
DECISIONS = st.builds(
    Decision,
    request_id=TEXT,
    record_id=TEXT,
    certificate_id=st.just(CERTIFICATE_ID),
    at=st.floats(0, 2e9),
    score=st.floats(-1000, 1000),
    small_answer=TEXT,
    reference=st.none() | TEXT,
    kept=st.booleans(),
    propensity=SHARE,
    coin=SHARE,
    options=st.lists(TEXT, max_size=3).map(tuple),
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(DECISIONS, max_size=5, unique_by=lambda each: (each.request_id, each.record_id)),
)
def test_what_was_added_comes_back_as_it_was(tmp_path_factory, decisions):
    """Floats to their last bit: a certificate is made of them again."""
    with closing(DecisionLog(tmp_path_factory.mktemp("log"))) as log:
        log.add(decisions)

        assert everything(log) == decisions
        assert len(log) == len(decisions)


def test_only_the_owner_can_read_it_and_its_side_files(tmp_path):
    """SQLite keeps what was written last in files of its own."""
    with closing(DecisionLog(tmp_path / "parts")) as log:
        log.add([decision()])
        files = list((tmp_path / "parts").iterdir())

        assert {FILE, f"{FILE}-wal"} <= {path.name for path in files}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "parts").stat().st_mode & 0o777 == 0o700


def test_a_log_that_others_could_read_is_closed_to_them(tmp_path):
    (tmp_path / FILE).touch(mode=0o644)

    with closing(DecisionLog(tmp_path)):
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_log_outlives_the_process(tmp_path):
    with closing(DecisionLog(tmp_path)) as log:
        log.add([decision(1), decision(2)])
        log.set_gold(decision(1), "net")

    with closing(DecisionLog(tmp_path)) as again:
        assert everything(again) == [decision(1, gold="net"), decision(2)]


def test_a_call_that_is_tried_again_adds_nothing(log):
    log.add([decision(1, at=1.0)])

    log.add([decision(1, at=2.0, score=0.1), decision(2)])

    assert everything(log) == [decision(1, at=1.0), decision(2)]


def test_the_same_record_in_another_call_is_another_decision(log):
    log.add([decision(1), decision(1, request_id="call-2")])

    assert len(log) == 2


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param(None, "net", "net", id="gained"),
        pytest.param("net", None, "net", id="not-lost"),
        pytest.param("net", "disk", "disk", id="the-later-one"),
    ],
)
def test_a_second_try_may_bring_an_answer_and_takes_none_away(log, first, second, kept):
    log.add([decision(1, reference=first)])
    log.set_gold(decision(1), "net")

    log.add([decision(1, reference=second)])

    assert everything(log) == [decision(1, reference=kept, gold="net")]


def test_an_audits_answer_is_noted_on_its_own_decision(log):
    log.add([decision(1), decision(2), decision(1, request_id="call-2")])

    log.set_reference("call-1", "r1", "net")
    log.set_reference("call-1", "nobody", "net")

    assert [each.reference for each in everything(log)] == ["net", None, None]


def test_a_record_is_found_in_its_call_or_in_the_latest(log):
    log.add([decision(1), decision(1, request_id="call-2"), decision(2)])

    assert log.find("r1", "call-1") == decision(1)
    assert log.find("r1") == decision(1, request_id="call-2")


@pytest.mark.parametrize(("record", "call"), [("r9", ""), ("r1", "call-9"), ("", ""), ("R1", "")])
def test_what_was_never_decided_is_not_found(log, record, call):
    log.add([decision(1)])

    assert log.find(record, call) is None


def test_ids_are_values_and_never_part_of_a_query(log):
    nasty = "r' OR '1'='1"
    log.add([decision(1), decision(2, record_id=nasty)])

    assert log.find("x' OR '1'='1") is None
    assert log.find(nasty) == decision(2, record_id=nasty)


def test_the_same_right_answer_twice_counts_once_and_another_replaces_it(log):
    log.add([decision(1)])

    log.set_gold(decision(1), "net")
    log.set_gold(decision(1), "net")
    assert everything(log) == [decision(1, gold="net")]

    log.set_gold(decision(1), "disk")
    assert everything(log) == [decision(1, gold="disk")]


def test_decisions_of_one_certificate_come_in_order_from_a_moment_on(log):
    others = [replace(each, certificate_id="fedcba987654") for each in (decision(7), decision(8))]
    log.add([decision(3), others[0], decision(1), decision(2), others[1]])

    assert everything(log) == [decision(3), decision(1), decision(2)]
    assert log.of_certificate(CERTIFICATE_ID, since=1002.0) == [decision(3), decision(2)]
    assert log.of_certificate("fedcba987654") == others
    assert log.of_certificate("none") == []


def test_the_oldest_are_dropped_a_tenth_at_a_time(tmp_path):
    with closing(DecisionLog(tmp_path, max_rows=20)) as log:
        log.add([decision(number) for number in range(20)])
        assert len(log) == 20

        log.add([decision(20)])

        kept = [each.record_id for each in everything(log)]
    assert kept == [f"r{number}" for number in range(2, 21)]


@pytest.mark.parametrize(("propensity", "coin", "drawn"), [(0.5, 0.4, True), (0.5, 0.5, False)])
def test_an_audit_is_drawn_below_its_chance(propensity, coin, drawn):
    assert decision(propensity=propensity, coin=coin).drawn == drawn


def test_no_text_of_a_record_has_a_place_in_it(log, tmp_path):
    with closing(sqlite3.connect(tmp_path / "parts" / FILE)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(decisions)")}

    assert columns == {*Decision.__slots__, "number"}
    assert not columns & {"fields", "log", "text", "prompt", "rationale"}


def test_a_log_can_be_read_while_a_server_writes_to_it(tmp_path):
    with closing(DecisionLog(tmp_path)) as log:
        log.add([decision(1)])

        assert read_decisions(tmp_path, CERTIFICATE_ID) == [decision(1)]

        log.add([decision(2)])
        assert read_decisions(tmp_path, CERTIFICATE_ID, since=1002.0) == [decision(2)]


def test_another_thread_may_use_it_after_this_one(log):
    thread = threading.Thread(target=log.add, args=([decision(1)],))
    thread.start()
    thread.join()

    assert everything(log) == [decision(1)]


def test_a_place_without_a_log_is_said_and_none_is_made(tmp_path):
    with pytest.raises(InputError) as caught:
        read_decisions(tmp_path / "parts", CERTIFICATE_ID)

    assert caught.value.place == str(tmp_path / "parts" / FILE)
    assert caught.value.problem == "there is no log of decisions"
    assert list(tmp_path.iterdir()) == []


def other_table(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE decisions (canary TEXT)")


def cut_off(path):
    with closing(DecisionLog(path.parent)) as log:
        log.add([decision(number) for number in range(500)])
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b"canary " * 100), id="no-database"),
        pytest.param(other_table, id="another-database"),
        pytest.param(cut_off, id="damaged"),
        pytest.param(lambda path: path.mkdir(), id="a-folder"),
    ],
)
def test_what_is_no_log_is_refused_without_its_text(tmp_path, spoil):
    spoil(tmp_path / FILE)

    with pytest.raises(InputError) as caught:
        DecisionLog(tmp_path)

    assert caught.value.place == str(tmp_path / FILE)
    assert "canary" not in str(caught.value)


def test_damage_inside_a_log_is_said_when_it_is_read(tmp_path):
    with closing(DecisionLog(tmp_path)) as log:
        log.add([decision(number, small_answer="x" * 2000) for number in range(50)])
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    content[3 * 4096 :] = b"\x7f" * (len(content) - 3 * 4096)
    path.write_bytes(content)

    with pytest.raises(InputError, match="no log of decisions, or damaged"):
        read_decisions(tmp_path, CERTIFICATE_ID)


def test_a_place_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(InputError) as caught:
        DecisionLog(tmp_path / "file" / "parts")

    assert caught.value.remedy == "Check the path and its permissions."
    assert (tmp_path / "file").read_text() == "mine"
