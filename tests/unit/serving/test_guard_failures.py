"""What a guard does when its watcher fails, when it ends, and what must not reach a reply."""

import asyncio
import contextlib
import json
import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.guarded import CALL, ISSUED, Failing, Slow, audited, guarded, run, watching
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import (
    HALF_WAY,
    LARGE_NET,
    SMALL_DISK,
    SMALL_NET,
    cascade,
    classify,
    engine_of,
    says_net,
    shown,
    verify,
)
from fakes.tiny_models import TinyEncoder, broken_classifier, log
from fakes.watched_cascade import until
from headgate.cascade.decision_log import read_decisions
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode
from headgate.cascade.observation import Observation
from headgate.errors import UnavailableError
from headgate.gate.audit import AuditPlan
from headgate.gate.threshold import KEEP_ALL, Gate
from headgate.serving.guard import MAX_PENDING
from headgate.serving.watcher import STATE_FILE
from headgate.serving.watchers import LocalWatcher
from headgate.types import Feedback


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


# Watchers that fail


async def test_what_a_watcher_did_not_take_is_sent_again_in_order(engine, lm, tmp_path, logged):
    watcher = Failing(str(tmp_path))
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1")
        await until(lambda: len(lm.requests) == 1)
        with pytest.raises(UnavailableError):
            await guard.report()
        await run(engine, "disk 2")
        with pytest.raises(UnavailableError):
            await guard.report()
        watcher.fails = False
        await run(engine, "disk 3")
        await audited(guard, 3)

    assert [each.record_id for each in logged()] == ["disk 1", "disk 2", "disk 3"]
    assert [each.reference for each in logged()] == ["net"] * 3


@pytest.mark.slow
async def test_a_cascade_answers_without_its_watcher_and_says_so_in_the_log(
    engine, tmp_path, caplog
):
    watcher = Failing(str(tmp_path))
    async with watching(engine, watcher):
        await run(engine, "disk canary")
        await until(lambda: watcher.refused > 1)

        (result,) = await run(engine, "net 2")

    assert shown(result) == SMALL_NET
    assert "method=watch sorting" in caplog.text
    assert "canary" not in caplog.text


class Restarted(LocalWatcher):
    """A watcher that can be started anew, and then knows of no assignment."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory = directory

    async def restart(self):
        await self.close()
        self.__init__(self.directory)


async def test_a_watcher_that_was_started_anew_is_told_again_and_nothing_is_lost(
    engine, lm, tmp_path, logged
):
    watcher = Restarted(str(tmp_path))
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1")
        await audited(guard, 1)
        before = guard.status
        await watcher.restart()
        await run(engine, "disk 2")
        await until(lambda: len(lm.requests) == 2)
        await guard.report()
        await audited(guard, 1)

        assert guard.status.risk_evidence > before.risk_evidence > 0
    assert [(each.record_id, each.reference) for each in logged()] == [
        ("disk 1", "net"),
        ("disk 2", "net"),
    ]


@pytest.mark.slow
async def test_the_newest_are_kept_for_a_watcher_that_is_away_for_long(engine, tmp_path, logged):
    watcher = Failing(str(tmp_path))
    async with watching(engine, watcher, audits=AuditPlan(1e-9, 1e-9)) as guard:
        for number in range(MAX_PENDING + 5):
            record = log("disk", f"r{number}")
            engine.observer(Observation(record, CALL, 0.9, "disk", None, 0.9, kept=True))
        with pytest.raises(UnavailableError):
            await guard.report()
        watcher.fails = False

    found = logged()
    assert (found[0].record_id, found[-1].record_id) == ("r5", f"r{MAX_PENDING + 4}")
    assert len(found) == MAX_PENDING


class Fickle(Failing, Restarted):
    """A watcher that fails or is started anew as it comes."""


def named(number):
    """Return a line that is no copy of another: copies are ranked once."""
    return f"disk {'x' * number}".strip()


async def play(steps, directory):
    """Return how many records were answered while these things happened in turn."""
    watcher = Fickle(str(directory))
    engine = cascade(ScriptedLm(says_net), guarantee=Guarantee(ISSUED))
    answered = 0
    async with watching(engine, watcher, audits=AuditPlan(1e-9, 1e-9)) as guard:
        for step in steps:
            match step:
                case "answer":
                    await run(engine, named(answered))
                    answered += 1
                case "report":
                    with contextlib.suppress(UnavailableError):
                        await guard.report()
                case "restart":
                    await watcher.restart()
                case _:
                    watcher.fails = step == "fail"
        watcher.fails = False
    return answered


STEPS = st.sampled_from(["answer", "answer", "report", "restart", "fail", "recover"])


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, max_size=15))
def test_whatever_happens_each_record_is_logged_and_ranked_once(tmp_path_factory, steps):
    directory = tmp_path_factory.mktemp("watched")

    answered = asyncio.run(play(steps, directory))

    log = read_decisions(directory, ISSUED.id)
    assert [each.record_id for each in log] == [named(number) for number in range(answered)]
    state = json.loads((directory / STATE_FILE.format(ISSUED.id)).read_text())
    assert state["scores"]["updates"] == answered


# The end


async def test_closing_reports_what_is_left_and_ends_the_observation(engine, watcher, logged):
    async with watching(engine, watcher):
        await run(engine, "disk 1", "net 2")

    await run(engine, "disk 3")
    assert [each.record_id for each in logged()] == ["disk 1", "net 2"]


async def test_closing_ends_audits_that_are_still_being_made(lm, watcher, logged):
    engine = cascade(lm, threshold=KEEP_ALL, guarantee=Guarantee(ISSUED))
    async with watching(engine, watcher):
        await run(engine, "held 1", "held 2")
        await until(lambda: lm.active == 2)

    assert (lm.active, lm.cancelled) == (0, 2)
    assert [each.reference for each in logged()] == [None, None]


async def test_a_watcher_that_fails_to_the_end_keeps_nobody_from_closing(engine, tmp_path, caplog):
    text = "canary"

    class Broken(Failing):
        async def close(self):
            raise OSError(28, text)

    guard = guarded(engine, Broken(str(tmp_path)))
    await guard.start()
    await run(engine, "disk 1")
    await guard.close()

    assert "method=close the watch of sorting" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.slow
async def test_a_report_on_its_way_is_not_sent_twice_when_the_guard_closes(engine, tmp_path):
    """Its evidence would count twice."""
    watcher = Slow(str(tmp_path))
    guard = guarded(engine, watcher, audits=AuditPlan(1e-9, 1e-9))
    await guard.start()
    await run(engine, "disk 1")
    await until(lambda: bool(watcher.sent))

    closing = asyncio.create_task(guard.close())
    await asyncio.sleep(0)
    watcher.may_answer.set()
    await closing

    assert watcher.sent == ["disk 1"]


# What must not reach the reply


SEEN = Observation(log("disk 1"), CALL, 0.9, "disk", None, 0.9, kept=True)


@pytest.mark.parametrize("confidence", [math.nan, None])
async def test_what_cannot_be_noted_raises_nothing(engine, watcher, logged, caplog, confidence):
    async with watching(engine, watcher):
        engine.observer(Observation(log("canary"), CALL, 0.9, "disk", None, confidence, kept=True))
        engine.observer(SEEN)

    assert [each.record_id for each in logged()] == ["disk 1"]
    assert "method=observe sorting" in caplog.text
    assert "canary" not in caplog.text


async def test_probabilities_that_are_no_numbers_are_answered_and_logged(lm, watcher, logged):
    """They count as the least sure there is."""
    broken = classify(TinyEncoder(), classifier=broken_classifier())
    keep = GateNode("keep", "triage", Gate("max_prob", HALF_WAY))
    engine = engine_of(broken, keep, verify(lm), guarantee=Guarantee(ISSUED))
    async with watching(engine, watcher) as guard:
        (result,) = await run(engine, "disk 1")
        await guard.report()

    assert result.answer == "net"
    assert [(each.score, each.kept) for each in logged()] == [(0.0, False)]


async def test_a_watcher_without_a_key_keeps_nobody_from_an_answer(engine, tmp_path, caplog):
    class Keyless(LocalWatcher):
        async def key(self):
            return b""

    async with watching(engine, Keyless(str(tmp_path)), key=b""):
        results = await run(engine, "disk 1", "unsure 2")

    assert [shown(each) for each in results] == [SMALL_DISK, LARGE_NET]
    assert caplog.text.count("method=observe sorting") == 2


# Feedback


async def test_feedback_on_an_answer_of_a_moment_ago_is_taken(engine, watcher, logged):
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1")

        (outcome,) = await guard.feedback([Feedback("disk 1", "net", "call-1")])

    assert (outcome.record_id, outcome.error) == ("disk 1", None)
    assert [each.gold for each in logged()] == ["net"]


async def test_feedback_that_is_not_taken_says_why_in_its_place(engine, watcher):
    feedback = [
        Feedback("disk 1", "fan"),
        Feedback("disk 1", "net"),
        Feedback("disk 9", "net"),
        Feedback("disk 1", "net", "call-9"),
        Feedback("disk 1", "fan"),
        Feedback("disk 1", "disk"),
    ]
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1")
        outcomes = await guard.feedback(feedback)

    assert [outcome.record_id for outcome in outcomes] == [each.record_id for each in feedback]
    problems = [outcome.error.problem if outcome.error else "" for outcome in outcomes]
    assert problems == [
        "its label is not declared",
        "",
        "no decision about it is in the log",
        "no decision about it is in the log",
        "its label is not declared",
        "",
    ]
    assert {each.error.reason for each in outcomes if each.error} == {"FEEDBACK_NOT_TAKEN"}


async def test_no_feedback_has_no_outcomes(engine, watcher):
    async with watching(engine, watcher) as guard:
        assert await guard.feedback([]) == []


async def test_feedback_without_a_watcher_may_be_tried_again(engine, tmp_path):
    async with watching(engine, Failing(str(tmp_path))) as guard:
        with pytest.raises(UnavailableError):
            await guard.feedback([Feedback("disk 1", "net")])


async def test_feedback_waits_for_a_report_that_is_on_its_way(engine, tmp_path):
    """Otherwise the log would not have the record yet."""
    watcher = Slow(str(tmp_path))
    async with watching(engine, watcher) as guard:
        await run(engine, "disk 1")
        reporting = asyncio.create_task(guard.report())
        await until(lambda: bool(watcher.sent))
        telling = asyncio.create_task(guard.feedback([Feedback("disk 1", "net")]))
        await asyncio.sleep(0)
        watcher.may_answer.set()

        (outcome,) = await telling
        await reporting

    assert outcome.error is None
