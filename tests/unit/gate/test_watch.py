import json
from dataclasses import replace

import numpy as np
import pytest

from headgate.gate.audit import AuditPlan, AuditRow
from headgate.gate.watch import StateChange, Watch, WatchSettings, audit_update
from headgate.types import GuaranteeState

CERTIFIED, SUSPECT, VOID = (
    GuaranteeState.CERTIFIED,
    GuaranteeState.SUSPECT,
    GuaranteeState.VOID,
)
SETTINGS = WatchSettings("c1", 0.02, 1e-4, 1e-4, True, AuditPlan(0.01, 0.25), selective=False)
REFERENCE = np.linspace(0.5, 1, 200)
MONDAY, TUESDAY = "2026-11-23T08:00:00Z", "2026-11-24T08:00:00Z"


def watch_over(**changes):
    return Watch(replace(SETTINGS, **changes), REFERENCE)


def drift(watch, at=MONDAY, count=100):
    """Scores that all lie below the reference."""
    return watch.observe_scores(np.full(count, 0.1), at=at)


def errors(watch, at=TUESDAY, count=20):
    """Audits that all find an error."""
    return watch.observe_audits(np.ones(count), np.ones(count), at=at)


def test_a_new_watch_says_certified():
    watch = watch_over()

    assert (watch.state, watch.changes) == (CERTIFIED, ())
    assert (watch.risk_evidence, watch.score_evidence) == (0, 0)


def test_what_was_certified_stays_certified():
    """Scores of the reference in any order, audits without an error."""
    watch = watch_over()
    scores = np.random.default_rng(7).permutation(REFERENCE)

    assert watch.observe_scores(scores, at=MONDAY) is CERTIFIED
    assert watch.observe_audits(np.zeros(100), np.ones(100), at=MONDAY) is CERTIFIED
    assert watch.risk_evidence < 1
    assert watch.score_evidence < 1


def test_scores_that_drift_make_it_suspect_and_errors_void():
    watch = watch_over()

    assert drift(watch) is SUSPECT
    assert errors(watch) is VOID
    first, second = watch.changes
    assert first == StateChange(MONDAY, first.update, CERTIFIED, SUSPECT, "score_drift")
    assert second == StateChange(TUESDAY, second.update, SUSPECT, VOID, "risk")


def test_errors_alone_make_it_void_at_once():
    watch = watch_over()

    assert errors(watch) is VOID
    assert [change.before for change in watch.changes] == [CERTIFIED]


def test_nothing_leads_back():
    """A thousand harmless audits and scores of the reference, in each state."""
    watch = watch_over()
    for disturb, state in ((drift, SUSPECT), (errors, VOID), (drift, VOID), (errors, VOID)):
        disturb(watch)
        watch.observe_audits(np.zeros(1000), np.ones(1000), at=TUESDAY)
        watch.observe_scores(REFERENCE, at=TUESDAY)
        assert watch.state is state

    assert len(watch.changes) == 2


def test_a_change_names_the_update_that_led_to_it():
    """At epsilon 0.02 and alpha 0.01 the second error in a row is enough, the fourth persists."""
    at_once, persistent = (watch_over(risk_alpha=0.01, persist=persist) for persist in (1, 3))

    for watch in (at_once, persistent):
        errors(watch)

    assert [watch.changes[0].update for watch in (at_once, persistent)] == [2, 4]


def test_an_alarm_persists_over_the_border_of_two_batches():
    watch = watch_over(risk_alpha=0.01)

    states = [errors(watch, count=1) for _ in range(5)]

    assert states == [CERTIFIED, CERTIFIED, CERTIFIED, VOID, VOID]


def test_scores_are_not_watched_when_nobody_asks():
    watch = Watch(replace(SETTINGS, score_drift=False), np.empty(0))

    assert drift(watch) is CERTIFIED
    assert watch.score_evidence == 0
    assert errors(watch) is VOID


def test_a_net_gap_takes_losses_below_zero():
    watch = watch_over(signed=True)

    assert watch.observe_audits(-np.ones(100), np.ones(100), at=MONDAY) is CERTIFIED
    assert errors(watch, count=200) is VOID


@pytest.mark.parametrize(
    "changes", [{"risk_epsilon": 0.0}, {"risk_alpha": 1.0}, {"score_alpha": 0.0}, {"persist": 0}]
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ValueError, match=r"epsilon|alpha|persist"):
        watch_over(**changes)


def saved(watch):
    return json.loads(json.dumps(watch.to_json(), allow_nan=False))


def test_a_saved_watch_goes_on_to_the_last_bit():
    """Saved when scores have drifted and the audits are near an alarm."""
    watch = watch_over()
    drift(watch)
    errors(watch, count=2)

    again = Watch.from_json(saved(watch), SETTINGS, REFERENCE)

    assert (again.state, again.changes) == (SUSPECT, watch.changes)
    for each in (watch, again):
        each.observe_scores(REFERENCE, at=TUESDAY)
        errors(each, count=10)
    assert again.to_json() == watch.to_json()
    assert again.state is VOID


def test_a_saved_watch_without_scores_goes_on():
    settings = replace(SETTINGS, score_drift=False)
    watch = Watch(settings, np.empty(0))
    errors(watch, count=3)

    again = Watch.from_json(saved(watch), settings, np.empty(0))

    assert again.risk_evidence == watch.risk_evidence > 0


def test_the_state_of_another_certificate_is_not_taken_up():
    watch = watch_over()
    errors(watch)

    renewed = Watch.from_json(saved(watch), replace(SETTINGS, certificate_id="c2"), REFERENCE)

    assert (renewed.state, renewed.changes, renewed.risk_evidence) == (CERTIFIED, (), 0)


def test_another_setting_does_not_certify_anything_again():
    """The state stays; the evidence, which was counted otherwise, starts anew."""
    watch = watch_over()
    drift(watch)

    changed = Watch.from_json(saved(watch), replace(SETTINGS, score_alpha=1e-6), REFERENCE)

    assert (changed.state, changed.changes) == (SUSPECT, watch.changes)
    assert changed.score_evidence == 0
    assert errors(changed) is VOID


@pytest.mark.parametrize(
    "damage",
    [
        {"settings": None},
        {"settings": {}},
        {"changes": None},
        {"changes": [{}]},
        {"changes": [{"at": "", "update": 1, "before": "fine", "after": "void", "cause": "risk"}]},
        {"risk": None},
        {"risk": {}},
        {"scores": None},
    ],
    ids=str,
)
def test_a_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match=r"."):
        Watch.from_json({**saved(watch_over()), **damage}, SETTINGS, REFERENCE)


def row(**changes):
    """An audit that was drawn with 4 %, of an answer that was wrong."""
    fields = {"record_id": "a", "request_id": "r", "version": "v1", "score": 0.9}
    fields |= {"propensity": 0.04, "coin": 0.02, "loss": 1.0, "escalated": False}
    return AuditRow(**{**fields, **changes})


ROWS = [
    row(),
    row(propensity=0.01, coin=0.005, loss=0.0),
    row(escalated=True, propensity=0.05, loss=None),
    row(coin=0.5),
    row(coin=0.5, escalated=True),
    row(loss=None),
]


def test_escalated_requests_that_drew_a_coin_enter_the_whole_stream_as_harmless():
    """The weights are 1 % over 4, 1 and 5 %; undrawn and missing ones are passed over."""
    losses, weights = audit_update(ROWS, SETTINGS)

    assert losses.tolist() == [1, 0, 0]
    assert weights == pytest.approx([0.25, 1, 0.2])


def test_a_selective_certificate_is_fed_auto_answered_audits_only():
    losses, weights = audit_update(ROWS, replace(SETTINGS, selective=True))

    assert losses.tolist() == [1, 0]
    assert weights == pytest.approx([0.25, 1])


def test_no_rows_feed_nothing():
    watch = watch_over()

    losses, weights = audit_update([], SETTINGS)

    assert losses.shape == weights.shape == (0,)
    assert watch.observe_audits(losses, weights, at=MONDAY) is CERTIFIED


def test_a_row_drawn_with_less_than_the_plan_says_is_refused():
    with pytest.raises(ValueError, match="share"):
        audit_update([row(propensity=0.005)], SETTINGS)


def stream(rng, count, share_answered, risk):
    """Requests whose whole-stream risk is `risk`, all in auto-answered ones; and their audits."""
    answered = rng.random(count) < share_answered
    losses = answered & (rng.random(count) < risk / share_answered)
    return [
        row(propensity=0.01, coin=0.0, loss=float(loss), escalated=not kept)
        for kept, loss in zip(answered, losses, strict=True)
    ]


@pytest.mark.slow
def test_zeros_of_escalated_requests_keep_a_whole_stream_epsilon_from_false_alarms():
    """True risk 0.9 epsilon at 60 % automation, 8,000 coins: without the zeros nearly all alarm."""
    rng = np.random.default_rng(29)
    alarms = {False: 0, True: 0}
    for _ in range(20):
        rows = stream(rng, 8000, 0.6, 0.018)
        for selective in alarms:
            settings = replace(SETTINGS, selective=selective, score_drift=False)
            watch = Watch(settings, np.empty(0))
            alarms[selective] += watch.observe_audits(*audit_update(rows, settings), at="") is VOID

    assert alarms[True] >= 18
    assert alarms[False] < 10
