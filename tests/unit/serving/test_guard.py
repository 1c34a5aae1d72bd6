"""One engine under watch: real tiny models, a watcher in this process, no patches."""

import logging

import pytest

from fakes.certificates import uncertified
from fakes.guarded import CALL, ISSUED, KEY, audited, run, watching
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import (
    HALF_WAY,
    LARGE_NET,
    SMALL_DISK,
    cascade,
    classify,
    engine_of,
    says_net,
    shown,
    soon,
    verify,
)
from fakes.tiny_models import RANK, TinyEncoder, caused, pair_classifier
from fakes.watched_cascade import assignment, until
from headgate.cascade.decision_log import read_decisions
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode
from headgate.cascade.payment import Purse
from headgate.errors import LmRefusedError
from headgate.gate.audit import AuditPlan, audit_coin
from headgate.gate.budget import BudgetLimits, Governor
from headgate.gate.threshold import KEEP_ALL, Gate
from headgate.serving.guard import MAX_WAITING
from headgate.serving.watcher import KEY_FILE
from headgate.serving.watchers import LocalWatcher
from headgate.types import Feedback, GuaranteeState

CERTIFIED, SUSPECT, VOID, UNCERTIFIED = GuaranteeState


@pytest.fixture
def lm():
    return ScriptedLm(says_net)


@pytest.fixture
def engine(lm):
    return cascade(lm, guarantee=Guarantee(ISSUED))


@pytest.fixture
def watcher(tmp_path):
    return LocalWatcher(str(tmp_path))


@pytest.fixture
def logged(tmp_path):
    """Returns the decisions in the log, in order."""
    return lambda: read_decisions(tmp_path, ISSUED.id)


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO)


# What is noted


async def test_every_record_that_a_gate_judged_is_logged(engine, watcher, logged):
    async with watching(engine, watcher, audits=AuditPlan(0.01, 0.25)):
        await run(engine, "disk 1", "unsure 2", " ", "net 3")

    found = {each.record_id: each for each in logged()}
    assert list(found) == ["disk 1", "net 3", "unsure 2"]  # as their results were final
    disk, unsure = found["disk 1"], found["unsure 2"]
    assert (disk.request_id, disk.certificate_id) == ("call-1", ISSUED.id)
    assert (disk.small_answer, disk.kept, disk.options) == ("disk", True, ())
    assert (unsure.small_answer, unsure.reference, unsure.kept) == ("disk", "net", False)
    assert [disk.score, unsure.score] == pytest.approx([0.9, 0.5])


async def test_chance_and_coin_of_an_audit_are_those_of_plan_and_key(engine, watcher, logged):
    """0.01 + 0.08 * sqrt(p (1 - p)): at 0.9 that is 0.034, at 0.5 it is 0.05."""
    async with watching(engine, watcher, audits=AuditPlan(0.01, 0.25)):
        await run(engine, "disk 1", "unsure 2")

    disk, unsure = logged()
    assert [disk.propensity, unsure.propensity] == pytest.approx([0.034, 0.05])
    assert disk.coin == audit_coin(KEY, ISSUED.id, "call-1|disk 1")
    assert unsure.coin == audit_coin(KEY, ISSUED.id, "call-1|unsure 2")


async def test_without_a_key_in_the_file_the_watchers_own_draws(engine, watcher, logged, tmp_path):
    async with watching(engine, watcher, key=b""):
        await run(engine, "disk 1")

    own = (tmp_path / KEY_FILE).read_bytes()
    assert logged()[0].coin == audit_coin(own, ISSUED.id, "call-1|disk 1")


async def test_a_suspect_certificate_is_audited_five_times_as_often(engine, watcher, logged):
    async with watching(engine, watcher, audits=AuditPlan(0.01, 0.25)):
        engine.guarantee.take(SUSPECT)
        await run(engine, "disk 1", "unsure 2")

    assert [each.propensity for each in logged()] == pytest.approx([0.17, 0.25])


async def test_candidates_are_noted_by_their_ids_alone(lm, tmp_path, watcher):
    lm.decide = lambda request: request.options[0]
    keep = GateNode("keep", "triage", Gate("max_prob", KEEP_ALL))
    engine = engine_of(
        classify(TinyEncoder(), classifier=pair_classifier(), task=RANK),
        keep,
        verify(lm, task=RANK),
        task=RANK,
        guarantee=Guarantee(ISSUED),
    )
    async with watching(engine, watcher) as guard:
        await engine.run([caused("disk slow", "disk canary", "fan")], soon(), origin=CALL)
        outcomes = await guard.feedback([Feedback("disk slow", "c1"), Feedback("disk slow", "c2")])

    (found,) = read_decisions(tmp_path, ISSUED.id)
    assert (found.options, found.gold) == (("c0", "c1"), "c1")
    assert [each.error is None for each in outcomes] == [True, False]
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


# Audits


async def test_the_reply_does_not_wait_for_its_audit_and_is_not_changed_by_it(lm, watcher, logged):
    """The large model holds back its answers to lines that start with "held"."""
    engine = cascade(lm, threshold=KEEP_ALL, guarantee=Guarantee(ISSUED))
    async with watching(engine, watcher) as guard:
        (result,) = await run(engine, "held up")
        await until(lambda: lm.active == 1)
        assert shown(result) == SMALL_DISK

        lm.may_answer.set()
        await audited(guard, 1)

    assert (result.answer, result.usage.calls, result.path[-1].stage) == ("disk", 0, "keep")
    assert [(each.reference, each.kept) for each in logged()] == [("net", True)]


async def test_answers_of_audits_land_in_the_log_and_in_the_status(engine, watcher, logged):
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1", "net 2")
        await audited(guard, 2)

        assert (guard.status.audits, guard.status.disagreements) == (2, 1)

    assert {each.record_id: each.reference for each in logged()} == {
        "disk 1": "net",
        "net 2": "net",
    }


async def test_what_went_on_is_not_asked_twice(engine, lm, watcher, logged):
    async with watching(engine, watcher) as guard:
        await run(engine, "unsure 1", "disk 2")
        await audited(guard, 1)

    assert sorted(request.record_id for request in lm.requests) == ["disk 2", "unsure 1"]
    assert all(each.drawn for each in logged())


async def test_what_is_not_drawn_is_not_audited(engine, lm, watcher, logged):
    """With this key three of these six coins are below the chance, 0.124."""
    lines = [f"disk {number}" for number in range(6)]
    async with watching(engine, watcher, audits=AuditPlan(0.1, 0.2)) as guard:
        await run(engine, *lines)
        await audited(guard, 3)

    drawn = {each.record_id for each in logged() if each.drawn}
    assert len(drawn) == 3
    assert {request.record_id for request in lm.requests} == drawn


async def test_audits_are_paid_by_their_own_part_of_the_budget(engine, watcher, logged):
    """A tenth of 25 calls pays for two; the other three are skipped and count as missing."""
    engine.purse = Purse(Governor(BudgetLimits(llm_share=1.0, audit_share=0.1)))
    async with watching(engine, watcher) as guard:
        await run(engine, *(f"disk {number}" for number in range(5)))
        await audited(guard, 5)

        assert guard.skipped == 3
        snapshot = engine.purse.governor.snapshot()
    assert (snapshot.audits.calls, snapshot.answers.calls, snapshot.refused_audits) == (2, 0, 3)
    assert sorted(each.reference or "" for each in logged()) == ["", "", "", "net", "net"]


async def test_an_audit_that_fails_is_skipped_and_the_next_one_is_made(lm, engine, watcher, logged):
    def decide(request):
        if request.record_id == "disk 1":
            raise LmRefusedError("llm", "no key", "Set it.")
        return "net"

    lm.decide = decide
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1", "disk 2")
        await audited(guard, 2)

        assert (guard.skipped, guard.status.audits) == (1, 1)

    assert {each.record_id: each.reference for each in logged()} == {
        "disk 1": None,
        "disk 2": "net",
    }


async def test_a_bug_of_an_audit_ends_no_other_and_is_not_quoted(engine, watcher, caplog):
    text = "canary of a record"

    class Buggy(Purse):
        def admit_audit(self, cost_usd):
            raise RuntimeError(text)

    engine.purse = Buggy()
    async with watching(engine, watcher) as guard:
        results = await run(engine, *(f"disk {number}" for number in range(8)))
        await audited(guard, 8)

    assert [shown(each) for each in results] == [SMALL_DISK] * 8
    assert guard.skipped == 8
    assert "method=audit sorting" in caplog.text
    assert "canary" not in caplog.text


async def test_more_audits_than_can_wait_are_skipped_and_the_others_made(engine, lm, watcher):
    async with watching(engine, watcher) as guard:
        await run(engine, *(f"disk {number}" for number in range(MAX_WAITING + 10)))

        assert (guard.skipped, len(lm.requests)) == (10, 0)
        await audited(guard, MAX_WAITING + 10)

    assert len(lm.requests) == MAX_WAITING


# States


def tightening(lm, guarantee):
    """Return a cascade that keeps 0.75 and 0.9, and while its certificate is void 0.9 alone."""
    keep = GateNode("keep", "triage", Gate("max_prob", 0.6), tightened=Gate("max_prob", HALF_WAY))
    return engine_of(classify(TinyEncoder()), keep, verify(lm), guarantee=guarantee)


async def test_audits_that_disagree_make_the_gate_keep_less(lm, watcher, caplog):
    engine = tightening(lm, Guarantee(ISSUED))
    async with watching(engine, watcher) as guard:
        (before,) = await run(engine, "likely 1")
        await run(engine, *(f"disk {number}" for number in range(8)))
        await audited(guard, 9)

        (after,) = await run(engine, "likely 2")

    assert (before.answer, before.guarantee) == ("disk", CERTIFIED)
    assert (shown(after), after.guarantee) == (LARGE_NET, VOID)
    assert "guarantee cascade=sorting state=void" in caplog.text


async def test_a_void_certificate_is_void_from_the_first_record_on(lm, tmp_path):
    """What an earlier process found out is known before anything is answered."""
    engine = tightening(lm, Guarantee(ISSUED))
    async with watching(engine, LocalWatcher(str(tmp_path))) as guard:
        await run(engine, *(f"disk {number}" for number in range(8)))
        await audited(guard, 8)

    again = tightening(lm, Guarantee(ISSUED))
    async with watching(again, LocalWatcher(str(tmp_path))):
        (first,) = await run(again, "likely 1")

    assert (shown(first), first.guarantee) == (LARGE_NET, VOID)


async def test_scores_that_drift_make_the_certificate_suspect(engine, lm, watcher):
    lm.decide = lambda request: request.record_id.split()[0]
    async with watching(engine, watcher, score_alpha=0.01) as guard:
        await run(engine, *(f"disk {'x' * number}" for number in range(100)))
        await guard.report()

        assert guard.status.state is engine.guarantee.state is SUSPECT


async def test_a_burst_of_one_line_is_no_drift(engine, lm, watcher):
    """The same 100 scores, but of lines that differ only in numbers."""
    lm.decide = lambda request: request.record_id.split()[0]
    async with watching(engine, watcher, score_alpha=0.01) as guard:
        await run(engine, *(f"disk {number}" for number in range(100)))
        await guard.report()

        assert guard.status.state is engine.guarantee.state is CERTIFIED


async def test_what_was_never_certified_is_watched_and_stays_so(lm, watcher, logged):
    engine = cascade(lm, guarantee=Guarantee(uncertified(), problem="too few"))
    async with watching(engine, watcher) as guard:
        (result,) = await run(engine, "disk 1")
        await guard.report()

    assert (result.guarantee, engine.guarantee.state) == (UNCERTIFIED, UNCERTIFIED)
    assert len(logged()) == 1


async def test_the_state_of_another_certificate_is_not_taken(engine, tmp_path):
    """Another gateway assigned it to the watcher that both share."""
    watcher = LocalWatcher(str(tmp_path))
    async with watching(engine, watcher) as guard:
        engine.guarantee.take(VOID)
        await watcher.assign(assignment(certificate_id="fedcba987654"))
        await run(engine, "disk 1")
        await guard.report()

        assert engine.guarantee.state is VOID
    assert len(read_decisions(tmp_path, ISSUED.id)) == 1
