"""What a scraper reads: a real port, real engines under watch."""

import asyncio
import socket
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from fakes.fitted_parts import part_records, write_parts
from fakes.watched_cascade import deferral, fit_watched, served_records
from headgate.cascade.load import inline
from headgate.serving.host import Host
from headgate.serving.metrics import HostCollector, serve_metrics
from headgate.types import Deadline, GuaranteeState, Origin

NAMES = {
    "headgate_guarantee_state",
    "headgate_guarantee_margin_ratio",
    "headgate_score_drift_ratio",
    "headgate_audits_total",
    "headgate_audit_disagreements_total",
    "headgate_audits_skipped_total",
    "headgate_budget_spent_dollars",
    "headgate_budget_calls",
    "headgate_budget_exhausted_total",
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A cascade whose every record is audited, as far as two audits' budget goes."""
    stated = deferral(audits="{share: 1.0, max_share: 1.0}")[:-1]
    return fit_watched(
        tmp_path_factory.mktemp("audited"), f"{stated}, budget: {{llm_share: 1.0}}}}"
    )


@pytest.fixture
async def host(audited, parts, tmp_path):
    host = Host(state_dir=str(tmp_path))
    await host.configure([inline(audited), inline(parts)])
    yield host
    await host.close()


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def samples_in(text):
    """Return the values of an exposition by name and labels."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def exposed(host):
    """Return what a scrape of the host would read."""
    registry = CollectorRegistry()
    registry.register(HostCollector(host))
    return generate_latest(registry).decode()


def scrape(address):
    """Return what a real scrape reads."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        assert reply.headers["Content-Type"].startswith("text/plain")
        return reply.read().decode()


async def run(host, cascade, records):
    origin = Origin("call-canary", "caller-canary")
    return await host.engine(cascade).run(records, Deadline.after(30), origin=origin)


async def audits_end(host, number):
    """Return once so many audits were made or skipped."""
    (guard,) = [each.guard for each in host.hosted if each.guard]
    async with asyncio.timeout(10):
        while guard.status.audits + guard.skipped < number:
            await asyncio.sleep(0.001)
            await guard.report()


async def test_every_name_is_there_before_the_first_record_and_described(host):
    text = exposed(host)

    described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert {name.partition("{")[0] for name in samples_in(text)} == described == NAMES


async def test_each_cascade_is_in_one_state(host):
    host.engine("made_up").guarantee.take(GuaranteeState.SUSPECT)

    samples = samples_in(exposed(host))

    states = {
        cascade: [
            state.value
            for state in GuaranteeState
            if samples[f'headgate_guarantee_state{{cascade="{cascade}",state="{state.value}"}}']
        ]
        for cascade in ("made_up", "parts")
    }
    assert states == {"made_up": ["suspect"], "parts": ["uncertified"]}


async def test_audits_are_counted_with_those_the_budget_did_not_pay(host):
    """A tenth of 25 calls pays for two of five."""
    records = served_records(5)
    results = await run(host, "made_up", records)
    assert {each.tier.value for each in results} == {"small"}
    await audits_end(host, 5)

    samples = samples_in(exposed(host))

    own = '{cascade="made_up"}'
    assert samples[f"headgate_audits_total{own}"] == 2
    assert samples[f"headgate_audit_disagreements_total{own}"] == 0
    assert samples[f"headgate_audits_skipped_total{own}"] == 3
    assert samples[f"headgate_budget_calls{own}"] == 2
    assert samples[f"headgate_guarantee_margin_ratio{own}"] == pytest.approx(1, abs=1e-5)
    assert 0 < samples[f"headgate_score_drift_ratio{own}"] < 1


async def test_spending_of_answers_is_told_too(host):
    await run(host, "parts", part_records())

    samples = samples_in(exposed(host))

    own = '{cascade="parts"}'
    assert samples[f"headgate_budget_calls{own}"] == 2
    assert samples[f"headgate_budget_exhausted_total{own}"] == 0
    assert samples[f"headgate_budget_spent_dollars{own}"] == 0
    assert f"headgate_audits_total{own}" not in samples


async def test_nothing_of_a_record_or_a_caller_is_in_them(host):
    await run(host, "made_up", served_records(3))
    await audits_end(host, 3)

    text = exposed(host)

    assert "canary" not in text
    assert served_records(1)[0].id not in text
    labels = {part for line in text.splitlines() for part in line.partition("{")[2].split(",")}
    assert {each.partition("=")[0] for each in labels if "=" in each} == {"cascade", "state"}


async def test_a_cascade_that_cannot_be_loaded_has_no_samples(host, parts, tmp_path):
    await host.configure([inline(parts), inline(write_parts(tmp_path / "x", "broken"))])

    samples = samples_in(exposed(host))

    assert {name.partition('cascade="')[2].partition('"')[0] for name in samples} == {"parts"}


@pytest.mark.slow
async def test_a_scrape_sees_what_is_served_now_until_the_server_stops(host, parts, address):
    stop = serve_metrics(host, address)
    before = samples_in(await asyncio.to_thread(scrape, address))
    await host.configure([inline(parts)])
    after = samples_in(await asyncio.to_thread(scrape, address))
    await asyncio.to_thread(stop)

    assert {name.partition("{")[0] for name in before} == NAMES
    assert any("made_up" in name for name in before)
    assert not any("made_up" in name for name in after)
    name, _, port = address.rpartition(":")
    with socket.create_server((name, int(port))):
        pass


@pytest.mark.slow
async def test_a_second_server_on_the_port_is_logged_and_goes_on_without(host, address, caplog):
    stop = serve_metrics(host, address)
    second = serve_metrics(host, address)

    assert f"metrics_not_served address={address} error=OSError" in caplog.text
    second()
    assert await asyncio.to_thread(scrape, address)
    await asyncio.to_thread(stop)


async def test_an_address_that_is_not_ours_is_logged(host, caplog):
    """203.0.113.0/24 is for examples, and nobody's."""
    serve_metrics(host, "203.0.113.9:9000")()

    assert "metrics_not_served address=203.0.113.9:9000" in caplog.text
