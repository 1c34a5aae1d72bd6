"""What a watcher finds that is started anew, and what it refuses of it."""

import json
from contextlib import closing

import pytest

from fakes.watched_cascade import CERTIFICATE_ID, assignment, decision
from headgate.cascade.decision_log import FILE
from headgate.errors import InputError
from headgate.serving.watcher import STATE_FILE, AuditAnswer, Watcher
from headgate.types import GuaranteeState

CERTIFIED, _, VOID, _ = GuaranteeState
OTHER = "fedcba987654"


@pytest.fixture
def started(tmp_path):
    """Starts watchers of one directory, as a process and its successors do."""
    running = []

    def start():
        running.append(Watcher(str(tmp_path / "parts")))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def watcher(started):
    watcher = started()
    watcher.assign(assignment())
    return watcher


@pytest.fixture
def state_file(tmp_path):
    return tmp_path / "parts" / STATE_FILE.format(CERTIFICATE_ID)


def audited(*numbers, answer="net", **changes):
    """Return audits that found another answer than the small model's."""
    return [AuditAnswer(decision(number, **changes), answer) for number in numbers]


# What a restart finds


def test_evidence_and_counts_of_scores_are_taken_up_again(started, tmp_path):
    first = started()
    first.assign(assignment())
    before = first.report([decision(1, score=0.6)], audited(1))
    first.close()

    again = started()
    status = again.assign(assignment())

    assert status.risk_evidence == before.risk_evidence > 0
    assert status.score_evidence == before.score_evidence
    assert (status.audits, status.disagreements) == (0, 0)
    with closing(Watcher(str(tmp_path / "other"))) as unbroken:
        unbroken.assign(assignment())
        both = unbroken.report([decision(1, score=0.6), decision(2)], audited(1, 2))
    assert again.report([decision(2)], audited(2)).risk_evidence == both.risk_evidence


def test_a_second_gateway_that_assigns_the_same_loses_no_evidence(watcher):
    before = watcher.report([decision(1)], audited(1))

    status = watcher.assign(assignment())

    assert status.risk_evidence == before.risk_evidence > 0
    assert (status.audits, status.disagreements) == (1, 1)


def test_a_gateway_that_leaves_has_the_state_saved(watcher, started):
    """Its watcher may be ended with the cluster, and is not told."""
    before = watcher.report([decision(1)], audited(1))
    watcher.save()

    assert started().assign(assignment()).risk_evidence == before.risk_evidence


def make_void(watcher):
    status = watcher.report([], audited(*range(1, 8)))
    assert status.state is VOID
    return status


def test_a_change_of_state_is_on_the_disk_at_once(started):
    """The watcher that saw it is not closed here: its process was killed."""
    watcher = started()
    watcher.assign(assignment())
    before = make_void(watcher)

    status = started().assign(assignment())

    assert (status.state, status.changes) == (VOID, before.changes)


def test_another_certificate_starts_afresh_and_going_back_does_not(started):
    watcher = started()
    watcher.assign(assignment())
    make_void(watcher)

    assert watcher.assign(assignment(certificate_id=OTHER)).state is CERTIFIED
    watcher.close()
    assert started().assign(assignment()).state is VOID


def test_an_edited_setting_certifies_nothing_again(started):
    watcher = started()
    watcher.assign(assignment())
    make_void(watcher)

    status = watcher.assign(assignment(risk_alpha=0.001))

    assert (status.state, status.risk_evidence) == (VOID, 0)


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut-off"),
    pytest.param(b"\xff\xfe", id="bytes"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"{}", id="nothing-in-it"),
    pytest.param(b"[" * 100_000, id="nested"),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_state_is_refused_and_left_alone(started, state_file, content):
    """A new state would certify again what may have been void."""
    watcher = started()
    state_file.write_bytes(content)

    with pytest.raises(InputError) as caught:
        watcher.assign(assignment())

    assert caught.value.place == str(state_file)
    assert "the state of the watch cannot be read" in str(caught.value)
    watcher.close()
    assert state_file.read_bytes() == content


@pytest.mark.parametrize(
    ("part", "value"),
    [
        pytest.param("changes", [{"at": "now"}], id="half-a-change"),
        pytest.param(
            "changes",
            [{"at": "", "update": 1, "before": "certified", "after": "fine", "cause": "risk"}],
            id="no-state",
        ),
        pytest.param("risk", None, id="no-monitor"),
        pytest.param("risk", {"epsilon": 0.02}, id="half-a-monitor"),
        pytest.param("scores", {"edges": [1.0]}, id="half-a-score-monitor"),
    ],
)
def test_a_state_with_a_damaged_part_is_refused(started, state_file, part, value):
    started().assign(assignment())
    saved = json.loads(state_file.read_text())
    state_file.write_text(json.dumps({**saved, part: value}))

    with pytest.raises(InputError, match="Certify again"):
        started().assign(assignment())


@pytest.mark.parametrize("count", [10**400, -1, float("nan")])
def test_counts_that_are_none_are_refused(started, state_file, count):
    started().assign(assignment())
    saved = json.loads(state_file.read_text())
    saved["scores"]["counts"][0] = count
    state_file.write_text(json.dumps(saved))

    with pytest.raises(InputError, match="cannot be read"):
        started().assign(assignment())


def test_a_state_that_cannot_be_saved_stops_no_report(watcher, state_file, caplog):
    """A report that failed would be sent again, and its evidence would count twice."""
    state_file.with_suffix(".partial").mkdir()

    status = make_void(watcher)

    assert status.state is VOID
    assert "watch_not_saved type=IsADirectoryError" in caplog.text
    state_file.with_suffix(".partial").rmdir()
    assert json.loads(state_file.read_text())["changes"] == []


def test_a_damaged_log_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database " * 100)

    with pytest.raises(InputError, match="no log of decisions"):
        Watcher(str(tmp_path))
