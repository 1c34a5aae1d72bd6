"""Certificates under watch in a host: states, budgets, what a new configuration keeps."""

import asyncio
import logging
from dataclasses import replace

import pytest

from fakes.fitted_parts import part_records, write_parts
from fakes.running_server import running
from fakes.watched_cascade import (
    ISSUED,
    contradict,
    deferral,
    fit_watched,
    served_records,
)
from headgate import wire
from headgate.cascade.decision_log import FILE, read_decisions
from headgate.cascade.load import inline, load_cascade
from headgate.errors import HeadgateError, InputError, UnavailableError
from headgate.serving.host import Host
from headgate.serving.watcher import STATE_FILE
from headgate.serving.watchers import LocalWatcher
from headgate.types import Deadline, GuaranteeState, Origin
from headgate.v1.cascade_service_pb2 import DescribeCascadeRequest, ListCascadesRequest

CERTIFIED, _, VOID, UNCERTIFIED = GuaranteeState


@pytest.fixture
async def started(tmp_path):
    """Starts hosts that keep their state in one folder, and closes them."""
    hosts = []

    async def start(*cascades, **options):
        hosts.append(Host(**{"state_dir": str(tmp_path / "state")} | options))
        await hosts[-1].configure([inline(each) for each in cascades])
        return hosts[-1]

    yield start
    for host in hosts:
        await host.close()


async def fitted(*arguments):
    """Return a fitted cascade; a fit needs a thread without a loop."""
    return await asyncio.to_thread(fit_watched, *arguments)


def summary_of(host, name="made_up"):
    return next(each.summary for each in host.hosted if each.name == name)


def guard_of(host, name="made_up"):
    return next(each.guard for each in host.hosted if each.name == name)


def certificate_id(host):
    return guard_of(host).settings.certificate_id


async def run(engine, count=2, call="call-1"):
    origin = Origin(call, "someone")
    return await engine.run(served_records(count), Deadline.after(30), origin=origin)


def logged(host, tmp_path):
    return read_decisions(tmp_path / "state" / "made_up", certificate_id(host))


async def test_cascades_are_listed_with_their_certificates_and_states(watched, parts, tmp_path):
    async with running(watched, parts, state_dir=str(tmp_path)) as server:
        server.host.engine("made_up").guarantee.take(VOID)
        listed = await server.rpc("ListCascades")(ListCascadesRequest())
        described = await server.rpc("DescribeCascade")(DescribeCascadeRequest(cascade="made_up"))

    certified, plain = [wire.summary_from_wire(each) for each in listed.cascades]
    assert (certified.name, plain.name) == ("made_up", "parts")
    assert plain.certificate is None
    found = certified.certificate
    assert (found.kind, found.mode, found.epsilon, found.delta) == ("agree", "stream", 0.1, 0.05)
    assert (found.certified, found.state, found.problem) == (True, VOID, "")
    assert (found.n, found.bad, found.labels_needed) == (80, 0, 0)
    assert found.issued == ISSUED.isoformat()
    assert wire.description_from_wire(described).summary.certificate == found


async def test_decisions_are_kept_in_a_folder_of_the_cascades_name(started, watched, tmp_path):
    host = await started(watched)
    await run(host.engine("made_up"))
    await host.close()

    folder = tmp_path / "state" / "made_up"
    assert len(logged(host, tmp_path)) == 2
    assert STATE_FILE.format(certificate_id(host)) in {path.name for path in folder.iterdir()}


async def test_a_new_configuration_ends_the_guards_before_and_loses_nothing(
    started, watched, tmp_path
):
    host = await started(watched)
    before = host.engine("made_up")
    await run(before, call="call-1")

    await host.configure([inline(watched)])

    await run(before, call="call-2")
    after = host.engine("made_up")
    await run(after, call="call-3")
    await guard_of(host).report()
    assert after is not before
    assert {each.request_id for each in logged(host, tmp_path)} == {"call-1", "call-3"}


async def test_a_void_certificate_stays_so_in_a_new_configuration(started, tmp_path):
    """The large model has changed its mind about everything: audits tell."""
    loaded = await fitted(tmp_path / "made_up", deferral(audits="{share: 1.0, max_share: 1.0}"))
    contradict(loaded)
    host = await started(loaded)
    engine = host.engine("")
    await run(engine, 40)
    async with asyncio.timeout(10):
        while engine.guarantee.state is not VOID:
            await asyncio.sleep(0.001)
            await guard_of(host).report()

    await host.configure([inline(loaded)])

    assert host.engine("") is not engine
    assert summary_of(host).certificate.state is VOID
    results = await run(host.engine(""), 1)
    assert [(each.guarantee, each.tier.value) for each in results] == [(VOID, "large")]


async def test_the_state_is_known_before_a_new_engine_answers(started, watched):
    """Its thresholds depend on it. Meanwhile the engine before answers."""
    assigning, may_assign = asyncio.Event(), asyncio.Event()

    class Slow(LocalWatcher):
        async def assign(self, assignment):
            assigning.set()
            await may_assign.wait()
            return await super().assign(assignment)

    may_assign.set()
    host = await started(watched, open_watcher=Slow)
    before = host.engine("made_up")
    assigning.clear()
    may_assign.clear()
    configuring = asyncio.create_task(host.configure([inline(watched)]))
    await asyncio.wait_for(assigning.wait(), 10)
    assert host.engine("made_up") is before

    may_assign.set()
    await configuring
    assert host.engine("made_up") is not before


async def test_a_budget_stays_as_spent_as_it_is(started, parts, tmp_path):
    host = await started(parts)
    await host.engine("").run(part_records(), Deadline.after(30))
    before = host.engine("").purse

    await host.configure([inline(parts)])

    assert host.engine("").purse is before
    assert before.governor.snapshot().answers.calls == 2


@pytest.mark.parametrize("name", ["parts", "other"])
async def test_another_budget_or_another_cascade_starts_with_its_own(
    started, parts, tmp_path, name
):
    changed = write_parts(tmp_path / name, name, artifact=parts.artifact)
    if name == "parts":
        own = "llm_share: 0.25"
        content = changed.path.read_text().replace(own, f"{own}, on_exhausted: reject")
        changed.path.write_text(content)
    host = await started(parts)
    before = host.engine("").purse

    await host.configure([inline(load_cascade(changed.path))])

    assert host.engine("").purse is not before
    assert host.engine("").purse.rejects == (name == "parts")


async def test_a_certificate_that_is_added_lifts_the_limit_of_the_share(started, tmp_path):
    """Without one, 15 % of the records is the limit; with one, the certificate decides."""
    plain = await fitted(tmp_path / "plain", "{score: max_prob}")
    certified = await fitted(tmp_path / "certified", deferral(audits=""))
    host = await started(plain)
    limited = host.engine("").purse.governor.snapshot()

    await host.configure([inline(certified)])

    assert limited.calls is not None
    assert host.engine("").purse.governor.snapshot().calls is None


async def test_a_damaged_state_is_a_problem_of_that_cascade_alone(
    started, watched, parts, tmp_path, caplog
):
    first = await started(watched)
    await first.close()
    state = tmp_path / "state" / "made_up" / STATE_FILE.format(certificate_id(first))
    state.write_text("{canary")

    host = await started(watched, parts)

    with pytest.raises(InputError, match="the state of the watch cannot be read"):
        host.engine("made_up")
    summary = summary_of(host)
    assert (summary.ready, summary.certificate) == (False, None)
    assert summary.problem.startswith(str(state))
    assert "cascade_not_served cascade=made_up" in caplog.text
    assert "canary" not in caplog.text + summary.problem
    assert summary_of(host, "parts").ready
    results = await host.engine("parts").run(part_records()[:1], Deadline.after(30))
    assert [each.answer for each in results] == ["disk"]

    state.unlink()
    await host.configure([inline(watched), inline(parts)])
    assert summary_of(host).ready


async def test_a_damaged_log_is_a_problem_of_that_cascade_alone(started, watched, parts, tmp_path):
    (tmp_path / "state" / "made_up").mkdir(parents=True)
    (tmp_path / "state" / "made_up" / FILE).write_bytes(b"no database " * 100)

    host = await started(watched, parts)

    with pytest.raises(InputError, match="no log of decisions"):
        host.engine("made_up")
    assert summary_of(host, "parts").ready


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(UnavailableError("watcher", "it is gone", "Wait."), "UNAVAILABLE", id="gone"),
        pytest.param(RuntimeError("canary"), "INTERNAL", id="a-bug"),
    ],
)
async def test_a_cascade_that_cannot_be_watched_does_not_answer_as_if_it_were(
    started, watched, caplog, error, status
):
    closed = []

    class Unreachable(LocalWatcher):
        async def assign(self, assignment):
            raise error

        async def close(self):
            closed.append(self)
            await super().close()

    host = await started(watched, open_watcher=Unreachable)

    with pytest.raises(HeadgateError) as caught:
        host.engine("")
    assert caught.value.status == status
    assert "canary" not in str(caught.value)
    assert len(closed) == 1


async def test_audits_need_a_place_to_keep_decisions(started, watched, parts, caplog):
    with caplog.at_level(logging.ERROR):
        host = await started(watched, parts, state_dir="")

    with pytest.raises(InputError, match="no directory is named for them"):
        host.engine("made_up")
    assert summary_of(host, "parts").ready


async def test_a_certificate_of_other_files_is_listed_with_its_problem(started, tmp_path):
    loaded = await fitted(tmp_path / "changed")
    (loaded.base_dir / "prompts" / "decide.md").write_text("Decide otherwise.\n")
    changed = replace(loaded, prompts={"decide": "Decide otherwise.\n"})

    host = await started(changed)
    results = await run(host.engine(""))

    found = summary_of(host).certificate
    assert (found.certified, found.state) == (False, UNCERTIFIED)
    assert "prompt of 'decide'" in found.problem
    assert [(each.certificate_id, each.tier.value) for each in results] == [("", "large")] * 2
