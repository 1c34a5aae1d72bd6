"""What a scraper reads of real engines under watch."""

import asyncio

import pytest

from fakes.exposition import exposed, names_in, samples_in, text_of
from fakes.fitted_parts import part_records, write_parts
from fakes.watched_cascade import deferral, fit_watched, served_records
from headgate.cascade.load import inline
from headgate.serving.host import Host
from headgate.serving.metrics import HostCollector
from headgate.types import Deadline, GuaranteeState, Origin

NAMES = {
    "headgate_build_info",
    "headgate_in_flight",
    "headgate_refused_total",
    "headgate_requests_total",
    "headgate_tier_decisions_total",
    "headgate_score_bucket",
    "headgate_score_count",
    "headgate_score_sum",
    "headgate_llm_calls_total",
    "headgate_llm_tokens_total",
    "headgate_llm_cost_dollars_total",
    "headgate_cache_events_total",
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
LATER = {
    "headgate_rpcs_total",
    "headgate_rpc_duration_seconds",
    "headgate_tier_duration_seconds",
    "headgate_degraded_total",
}
"""Described from the start; nothing is known before the first call which labels there will be."""


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
    text = text_of(HostCollector(host))

    described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert names_in(samples_in(text)) == NAMES
    assert described == {
        name for name in NAMES if not name.startswith("headgate_score_")
    } | LATER | {
        "headgate_score",
        "headgate_score_drift_ratio",
    }


async def test_each_cascade_is_in_one_state(host):
    host.engine("made_up").guarantee.take(GuaranteeState.SUSPECT)

    samples = exposed(host)

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

    samples = exposed(host)

    own = '{cascade="made_up"}'
    assert samples[f"headgate_audits_total{own}"] == 2
    assert samples[f"headgate_audit_disagreements_total{own}"] == 0
    assert samples[f"headgate_audits_skipped_total{own}"] == 3
    assert samples[f"headgate_budget_calls{own}"] == 2
    assert samples[f"headgate_guarantee_margin_ratio{own}"] == pytest.approx(1, abs=1e-5)
    assert 0 < samples[f"headgate_score_drift_ratio{own}"] < 1


async def test_spending_of_answers_is_told_too(host):
    await run(host, "parts", part_records())

    samples = exposed(host)

    own = '{cascade="parts"}'
    assert samples[f"headgate_budget_calls{own}"] == 2
    assert samples[f"headgate_budget_exhausted_total{own}"] == 0
    assert samples[f"headgate_budget_spent_dollars{own}"] == 0
    assert f"headgate_audits_total{own}" not in samples


async def test_nothing_of_a_record_or_a_caller_is_in_them(host):
    await run(host, "made_up", served_records(3))
    await audits_end(host, 3)

    text = text_of(HostCollector(host))

    assert "canary" not in text
    assert served_records(1)[0].id not in text
    labels = {part for line in text.splitlines() for part in line.partition("{")[2].split(",")}
    assert {each.partition("=")[0] for each in labels if "=" in each} == {
        "cascade",
        "decision",
        "direction",
        "event",
        "le",
        "outcome",
        "state",
        "tier",
        "version",
    }


async def test_a_cascade_that_cannot_be_loaded_has_no_samples(host, parts, tmp_path):
    await host.configure([inline(parts), inline(write_parts(tmp_path / "x", "broken"))])

    samples = exposed(host)

    assert {cascade_of(name) for name in samples if "cascade=" in name} == {"parts"}


async def test_counts_go_on_when_a_cascade_is_configured_anew_or_comes_back(host, parts, audited):
    """A count that falls looks like a restart, and a rate would be wrong."""
    name = 'headgate_requests_total{cascade="parts",outcome="answered",tier="triage"}'
    await run(host, "parts", part_records())
    await host.configure([inline(audited), inline(parts)])
    await run(host, "parts", part_records())
    twice = exposed(host)
    await host.configure([inline(audited)])
    gone = exposed(host)
    await host.configure([inline(audited), inline(parts)])
    await run(host, "parts", part_records())
    back = exposed(host)

    assert (twice[name], back[name]) == (4, 6)
    assert "parts" not in {cascade_of(each) for each in gone}


def cascade_of(name):
    return name.partition('cascade="')[2].partition('"')[0]
