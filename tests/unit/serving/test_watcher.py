"""A watcher in this process: what it keeps on disk, and what its monitors are fed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from fakes.watched_cascade import CERTIFICATE_ID, assignment, decision
from headgate.cascade.decision_log import FILE, DecisionLog, read_decisions
from headgate.errors import InputError
from headgate.gate.audit import AuditPlan
from headgate.gate.monitor import RiskMonitor, ScoreMonitor
from headgate.serving.watcher import KEY_BYTES, KEY_FILE, STATE_FILE, AuditAnswer, Watcher
from headgate.types import Feedback, GuaranteeState

CERTIFIED, SUSPECT, VOID, _ = GuaranteeState
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


def logged(watcher, tmp_path):
    return read_decisions(tmp_path / "parts", CERTIFICATE_ID)


def evidence_of(losses, weights=None, *, epsilon=0.02, alpha=0.01):
    """Return what a monitor says that is fed these audits and nothing else."""
    monitor = RiskMonitor(epsilon, alpha, persist=3)
    losses = np.array(losses, np.float64)
    monitor.update(losses, np.ones(len(losses)) if weights is None else np.array(weights))
    return monitor.evidence


# The key of the coins


def test_the_key_is_made_once_and_for_its_owner_alone(started, tmp_path):
    key = started().key()

    path = tmp_path / "parts" / KEY_FILE
    assert len(key) == KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == started().key() == key


def test_keys_of_two_cascades_differ(tmp_path):
    keys = set()
    for name in ("a", "b"):
        with closing(Watcher(str(tmp_path / name))) as watcher:
            keys.add(watcher.key())

    assert len(keys) == 2


def test_what_a_crash_left_of_a_key_is_no_key(started, tmp_path):
    watcher = started()
    (tmp_path / "parts" / KEY_FILE).with_suffix(".partial").write_bytes(b"half")

    assert len(watcher.key()) == KEY_BYTES


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_refused_and_not_quoted(started, tmp_path, content):
    """With an empty one anybody could foresee the coins."""
    watcher = started()
    (tmp_path / "parts" / KEY_FILE).write_bytes(content)

    with pytest.raises(InputError) as caught:
        watcher.key()

    assert str(caught.value) == (
        f"{tmp_path}/parts/{KEY_FILE}: it is no key of audits. Remove it; another is made."
    )


# Reports


def test_before_an_assignment_nothing_is_taken(started, tmp_path):
    assert started().report([decision(1)], audited(1)) is None

    assert logged(started(), tmp_path) == []


def test_decisions_and_answers_of_audits_are_logged(watcher, tmp_path):
    watcher.report([decision(1), decision(2, reference="net", kept=False)], [])
    watcher.report([decision(3)], [*audited(1), AuditAnswer(decision(3), None)])

    assert [(each.record_id, each.reference) for each in logged(watcher, tmp_path)] == [
        ("r1", "net"),
        ("r2", "net"),
        ("r3", None),
    ]


def test_a_report_sent_twice_is_logged_once(watcher, tmp_path):
    """As when the answer to it was lost."""
    for _ in range(2):
        watcher.report([decision(1)], audited(1))

    assert logged(watcher, tmp_path) == [decision(1, reference="net")]


def test_a_status_counts_audits_with_an_answer_and_those_that_differ(watcher):
    answers = [*audited(1, 2), *audited(3, answer="disk"), AuditAnswer(decision(4), None)]

    status = watcher.report([decision(number) for number in range(1, 5)], answers)

    assert (status.audits, status.disagreements) == (3, 2)
    assert (status.certificate_id, status.state, status.changes) == (CERTIFICATE_ID, CERTIFIED, ())


def test_a_disagreement_is_a_loss_and_an_agreement_is_none(watcher):
    answers = [*audited(1, answer="disk"), *audited(2), *audited(3, answer="disk")]

    status = watcher.report([decision(number) for number in (1, 2, 3)], answers)

    assert status.risk_evidence == evidence_of([0, 1, 0])


def test_a_drawn_record_that_went_on_is_no_loss_and_needs_no_audit(watcher):
    """An epsilon of all records needs all records: without them it is alarmed too early."""
    sent_on = [decision(number, kept=False, reference="net") for number in range(1, 4)]

    status = watcher.report(sent_on, audited(4))

    assert status.risk_evidence == evidence_of([0, 0, 0, 1])
    assert (status.audits, status.disagreements) == (1, 1)


def test_a_certificate_of_kept_answers_hears_of_those_alone(started):
    watcher = started()
    watcher.assign(assignment(selective=True))

    status = watcher.report([decision(1, kept=False, reference="net")], audited(2))

    assert status.risk_evidence == evidence_of([1])


def test_what_was_not_drawn_or_has_no_answer_says_nothing(started):
    watcher = started()
    watcher.assign(assignment(audits=AuditPlan(0.1, 1.0)))
    decisions = [
        decision(1, kept=False, propensity=0.1, coin=0.2),
        decision(2, propensity=0.1, coin=0.2),
        decision(3, propensity=0.1, coin=0.05),
    ]

    status = watcher.report(decisions, [AuditAnswer(decisions[2], None)])

    assert status.risk_evidence == 0


def test_frequent_audits_weigh_less(started):
    """A record with the chance 0.8 is seen four times as often as one with 0.2."""
    watcher = started()
    watcher.assign(assignment(audits=AuditPlan(0.2, 1.0)))
    answers = [*audited(1, propensity=0.8, coin=0.1), *audited(2, propensity=0.2, coin=0.1)]

    status = watcher.report([], answers)

    assert status.risk_evidence == evidence_of([1, 1], [0.25, 1.0])


def test_audits_that_disagree_make_the_certificate_void(watcher):
    states = [watcher.report([decision(n)], audited(n)).state for n in range(1, 8)]

    assert states[0] is CERTIFIED
    assert states[-1] is VOID
    (change,) = watcher.report([], []).changes
    assert (change.before, change.after, change.cause) == (CERTIFIED, VOID, "risk")
    assert change.update == states.index(VOID) + 1
    assert change.at.endswith("+00:00")


def test_scores_that_drift_make_it_suspect_before_any_audit(watcher):
    status = watcher.report([decision(n, score=0.1) for n in range(300)], [])

    assert status.state is SUSPECT
    assert status.changes[0].cause == "score_drift"
    assert status.score_evidence > 1
    assert status.risk_evidence == 0


def test_scores_that_do_not_are_ranked_in_their_order(watcher):
    scores = [0.9, 0.6, 0.7, 0.6]
    monitor = ScoreMonitor(np.array(assignment().reference_scores), 1e-6, 0, persist=3)
    monitor.update(np.array(scores))

    watcher.report([decision(1, score=scores[0]), decision(2, score=scores[1])], [])
    status = watcher.report([decision(3, score=scores[2]), decision(4, score=scores[3])], [])

    assert status.score_evidence == monitor.evidence


def test_decisions_of_another_certificate_are_kept_and_speak_for_themselves(watcher, tmp_path):
    """Another gateway may still answer under it."""
    late = {"certificate_id": OTHER, "score": 0.0}

    status = watcher.report(
        [decision(1, **late, kept=False), decision(2, **late)], audited(*range(2, 20), **late)
    )

    assert (status.risk_evidence, status.score_evidence, status.state) == (0, 0, CERTIFIED)
    assert len(read_decisions(tmp_path / "parts", OTHER)) == 2


def test_audits_from_before_the_share_was_raised_stop_no_report(watcher):
    """Their weight would be above 1; their scores are as good as others."""
    before = {"propensity": 0.25, "coin": 0.1}

    status = watcher.report([decision(1, **before, kept=False)], audited(2, **before))

    assert (status.risk_evidence, status.audits) == (0, 1)
    assert status.score_evidence > 0


# Feedback


def test_right_answers_are_noted_on_their_decisions(watcher, tmp_path):
    watcher.report([decision(1), decision(2), decision(2, request_id="call-2")], [])

    problems = watcher.feedback(
        [Feedback("r1", "net"), Feedback("r2", "net", "call-1"), Feedback("r2", "disk")]
    )

    assert problems == ["", "", ""]
    assert [(each.request_id, each.gold) for each in logged(watcher, tmp_path)] == [
        ("call-1", "net"),
        ("call-1", "net"),
        ("call-2", "disk"),
    ]


@pytest.mark.parametrize(
    "feedback", [Feedback("r9", "net"), Feedback("r1", "net", "call-9"), Feedback("", "net")]
)
def test_feedback_on_what_was_never_decided_is_refused(watcher, feedback):
    watcher.report([decision(1)], [])

    assert watcher.feedback([feedback]) == ["no decision about it is in the log"]


def test_feedback_is_one_of_the_records_own_candidates(watcher, tmp_path):
    watcher.report([decision(1, options=("c0", "c1"))], [])

    problems = watcher.feedback([Feedback("r1", "c2"), Feedback("r1", "c1")])

    assert problems == ["the label is none of the record's candidates", ""]
    assert logged(watcher, tmp_path)[0].gold == "c1"


def test_the_same_right_answer_twice_counts_once(watcher, tmp_path):
    watcher.report([decision(1)], [])

    assert watcher.feedback([Feedback("r1", "net"), Feedback("r1", "net")]) == ["", ""]
    assert logged(watcher, tmp_path) == [decision(1, gold="net")]


def test_feedback_needs_no_assignment(started):
    """A watcher that was started anew takes it before a gateway has found it again."""
    first = started()
    first.assign(assignment())
    first.report([decision(1)], [])

    assert started().feedback([Feedback("r1", "net")]) == [""]


def test_several_threads_may_report_at_once(watcher, tmp_path):
    def report(number):
        return watcher.report([decision(number)], audited(number, answer="disk"))

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(report, range(40)))

    assert max(status.audits for status in statuses) == 40
    assert len(logged(watcher, tmp_path)) == 40


def test_no_record_is_in_its_files(watcher, tmp_path):
    watcher.report([decision(1)], audited(1))
    watcher.close()

    with closing(DecisionLog(tmp_path / "parts")) as log:
        assert len(log) == 1
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {
        FILE,
        STATE_FILE.format(CERTIFICATE_ID),
    }
