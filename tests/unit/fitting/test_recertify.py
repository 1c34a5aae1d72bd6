"""Certificates that are made of audits and feedback: of what counts, and what is written."""

import asyncio
import json
from dataclasses import replace

import pytest

from fakes.made_up_logs import TWO_TIERS, make_cascade, read_rows, record, rows
from fakes.served_decisions import falling, gate_of, kept, known, sampled
from fakes.watched_cascade import EPSILON, deferral, fit_watched, served_records
from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND, REFERENCE_SCORES, read_fitted
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.errors import InputError
from headgate.fitting.fit import fit_cascade
from headgate.fitting.recertify import (
    MAX_REFERENCE_SCORES,
    certificate_in_service,
    recertify,
)
from headgate.gate.bounds import binomial_p_value, risk_upper_bound
from headgate.gate.threshold import KEEP_NOTHING
from headgate.types import Deadline, GuaranteeState


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Returns the fitted cascade with a certificate of a kind; nobody writes to it."""
    fitted = {}

    def of(kind="agree"):
        if kind not in fitted:
            folder = tmp_path_factory.mktemp(kind)
            fitted[kind] = fit_watched(folder, deferral(kind), development=130)
        return fitted[kind]

    return of


# What counts


def test_the_walk_ends_before_the_bad_row_that_is_one_too_many(loaded):
    """Four of 100 may be bad at epsilon 0.1."""
    decisions = falling(100, (50, 60, 70, 80, 90))

    found = recertify(loaded(), decisions)

    certificate = found.certificate
    assert (certificate.certified, certificate.reason) == (True, "")
    assert (certificate.n, certificate.bad) == (100, 4)
    assert certificate.p_value == float(binomial_p_value(4, 100, EPSILON))
    assert kept(found, decisions) == 90
    assert certificate.automation == 0.9
    assert (certificate.epsilon, certificate.delta) == (EPSILON, 0.05)
    assert certificate.tiers == ("cheap",)


def test_its_threshold_is_no_records_own_score(loaded):
    """The last digits of a score depend on the batch."""
    decisions = falling(100, range(90, 100))

    threshold = gate_of(recertify(loaded(), decisions)).threshold

    assert threshold not in {each.score for each in decisions}


@pytest.mark.parametrize(("count", "certified"), [(28, False), (29, True)])
def test_as_few_labels_suffice_as_for_a_fit(loaded, count, certified):
    """0.9^29 = 0.0471 is the first power below 0.05."""
    found = recertify(loaded(), falling(count))

    assert found.certificate.certified == certified
    assert (found.certificate.labels_needed == 0) == certified


def test_too_few_labels_certify_nothing_and_say_how_many_are_needed(loaded):
    found = recertify(loaded(), falling(20))

    certificate = found.certificate
    assert not certificate.certified
    assert certificate.reason == "20 sampled decisions do not prove it"
    assert (certificate.labels_needed, certificate.tiers, certificate.automation) == (29, (), 0)
    assert gate_of(found).threshold == gate_of(found).tightened == KEEP_NOTHING
    assert {rung.certified for rung in gate_of(found).ladder if rung.epsilon <= EPSILON} == {False}


def test_audits_outside_the_uniform_sample_prove_and_spoil_nothing(loaded):
    """They are more frequent where the small model is unsure."""
    unsure = {"propensity": 0.9, "coin": 0.7}
    others = [sampled(1000 + n, 0.7, reference="error", **unsure) for n in range(100)]
    right = [sampled(2000 + n, 0.7, **unsure) for n in range(100)]

    alone = recertify(loaded(), falling(29))
    together = recertify(loaded(), [*falling(29), *others])
    helped = recertify(loaded(), [*falling(28), *right])

    assert together.sample == 29
    assert (together.certificate.n, together.certificate.bad) == (29, 0)
    assert together.certificate.data_sha256 == alone.certificate.data_sha256
    assert not helped.certificate.certified


def test_a_share_that_was_smaller_for_a_while_is_the_samples(loaded):
    """What was drawn with 0.2 and a coin of 0.3 was not audited, and would count as bad."""
    before = {"propensity": 0.2, "coin": 0.3, "reference": None}
    unseen = [sampled(500 + n, 0.95, **before) for n in range(50)]

    found = recertify(loaded(), [*falling(40), *unseen])

    assert (found.decisions, found.sample, found.missing) == (90, 40, 0)
    assert found.certificate.certified


def test_of_a_burst_of_copies_one_counts(loaded):
    """28 units prove nothing, however often one of them comes within an hour; 29 do."""
    burst = [sampled(27, 0.7, record_id=f"again-{n}", coin=0.01 + n / 1e4) for n in range(100)]
    later = sampled(27, 0.7, record_id="tomorrow", at=90_000.0)

    assert recertify(loaded(), [*falling(28), *burst]).sample == 28
    assert not recertify(loaded(), [*falling(28), *burst]).certificate.certified
    assert recertify(loaded(), [*falling(28), *burst, later]).certificate.certified


def test_answers_that_are_missing_count_as_bad(loaded):
    decisions = falling(100, (95, 96, 97, 98, 99), reference=None)

    found = recertify(loaded(), decisions)

    assert (found.missing, found.certificate.bad) == (5, 4)
    assert kept(found, decisions) == 99


def test_records_that_went_on_belong_to_the_sample(loaded):
    decisions = [replace(each, kept=False) for each in falling(100, range(60, 100))]

    found = recertify(loaded(), decisions)

    assert (found.certificate.n, kept(found, decisions)) == (100, 64)


def test_rows_of_one_score_are_kept_together_or_not_at_all(loaded):
    tied = [sampled(n, 0.9) for n in range(95)] + [
        sampled(100 + n, 0.9, reference="error") for n in range(5)
    ]

    assert not recertify(loaded(), tied).certificate.certified
    assert recertify(loaded(), tied[:99]).certificate.bad == 4


# The gate and the certificate


def test_other_epsilons_and_a_stricter_gate_come_with_it(loaded):
    """At 0.025, 119 labels without a bad one are needed."""
    found = recertify(loaded(), falling(200, range(150, 200)))

    gate = gate_of(found)
    rungs = {rung.epsilon: rung for rung in gate.ladder}
    assert list(rungs) == [0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3]
    assert [each.epsilon for each in gate.ladder if not each.certified] == [0.005, 0.01]
    assert gate.tightened == rungs[0.025].threshold > gate.threshold == rungs[0.1].threshold
    before = read_fitted(found.artifact, loaded().spec).gates["cheap_keep"]
    assert (gate.score, gate.maps, gate.head, gate.planned) == (
        before.score,
        before.maps,
        before.head,
        before.planned,
    )


def test_a_new_certificate_is_about_the_same_files_and_other_rows(loaded):
    present = certificate_in_service(loaded())

    certificate = recertify(loaded(), falling(100)).certificate

    assert (certificate.kind, certificate.mode) == (present.kind, present.mode)
    assert certificate.hashes == present.hashes
    assert certificate.data_sha256 != present.data_sha256
    assert certificate.issued > present.issued
    assert certificate.id != present.id


@pytest.mark.parametrize(
    ("kind", "alarm"),
    [
        pytest.param("agree", EPSILON, id="agree"),
        pytest.param("regret", risk_upper_bound(10, 100, 0.05), id="regret"),
    ],
)
def test_the_alarm_is_raised_beyond_what_audits_may_show(loaded, kind, alarm):
    """Ten answers differ from the large model's, and all of them are right."""
    decisions = falling(100, range(0, 100, 10), reference="error", gold="info")

    certificate = recertify(loaded(kind), decisions).certificate

    assert certificate.alarm_epsilon == pytest.approx(alarm)


def test_the_estimate_weighs_all_audits(loaded):
    """One in four of 80 unsure records was audited, and half of those 20 differ: 40 of 200."""
    sure = [sampled(n, 0.99, propensity=0.5, coin=0.7, reference=None) for n in range(120)]
    drawn = [
        sampled(200 + n, 0.7, propensity=0.25, coin=0.2, reference="error" if n % 2 else "info")
        for n in range(20)
    ]
    passed_over = [
        sampled(300 + n, 0.7, propensity=0.25, coin=0.9, reference=None) for n in range(60)
    ]

    estimate = recertify(loaded(), [*sure, *drawn, *passed_over]).estimate

    assert estimate.risk == pytest.approx(40 / 200)
    assert estimate.low < 0.2 < estimate.high


def test_a_certificate_that_was_missing_is_made_of_audits(tmp_path):
    """28 development rows prove nothing, so everything goes to the large model and is known."""
    loaded = fit_watched(tmp_path, development=28)
    assert not certificate_in_service(loaded).certified

    found = recertify(loaded, [replace(each, kept=False) for each in falling(60)])

    assert found.certificate.certified
    assert found.certificate.tiers == ("cheap",)


# What is written


def contents(artifact):
    return {name: artifact.path(name).read_bytes() for name in artifact.manifest.files}


def test_the_artifact_is_exchanged_and_everything_else_in_it_stays(tmp_path):
    loaded = fit_watched(tmp_path)
    before = Artifact.open(loaded.artifact, kind=KIND)
    files = contents(before)
    decisions = falling(100, range(90, 100))

    found = recertify(loaded, decisions)
    assert contents(Artifact.open(loaded.artifact, kind=KIND)) == files  # nothing is written yet
    found.write()

    after = Artifact.open(loaded.artifact, kind=KIND)
    written = contents(after)
    assert json.loads(written.pop(REFERENCE_SCORES)) == [each.score for each in decisions]
    del files[REFERENCE_SCORES]
    assert written == files
    assert after.revision != before.revision
    fitted = read_fitted(after, loaded.spec)
    assert fitted == found.fitted
    assert fitted.metrics == read_fitted(before, loaded.spec).metrics


def test_a_cascade_claims_its_new_certificate(tmp_path):
    loaded = fit_watched(tmp_path)
    found = recertify(loaded, falling(100))
    found.write()

    engine = open_engine(loaded, {})
    (result,) = asyncio.run(engine.run(served_records(1), Deadline.after(30)))

    assert engine.guarantee.problem == ""
    assert (result.certificate_id, result.guarantee) == (
        found.certificate.id,
        GuaranteeState.CERTIFIED,
    )


def test_it_can_be_done_again_with_decisions_under_the_new_one(tmp_path):
    """The scores of the first decisions are the list for the second."""
    loaded = fit_watched(tmp_path, deferral("selective"), development=130)
    first = recertify(loaded, known(300))
    first.write()

    second = recertify(loaded, known(200))

    assert certificate_in_service(loaded).id == first.certificate.id
    assert second.certificate.certified
    assert second.certificate.id != first.certificate.id


def test_the_newest_scores_are_kept_for_the_monitor(loaded):
    decisions = [sampled(n, coin=0.1 if n < 50 else 0.9, reference="info") for n in range(6000)]
    decisions = [replace(each, score=n / 6000) for n, each in enumerate(decisions)]

    found = recertify(loaded(), decisions)

    assert len(found.scores) == MAX_REFERENCE_SCORES
    assert found.scores[-1] == 5999 / 6000


# Refusals


def refusal(loaded, decisions):
    with pytest.raises(InputError) as caught:
        recertify(loaded, decisions)
    return caught.value.problem


def test_no_decision_in_the_sample_is_refused(loaded):
    assert refusal(loaded(), []) == "of 0 decisions none is in the uniform sample"
    outside = [replace(each, coin=0.7) for each in falling(7)]
    assert refusal(loaded(), outside) == "of 7 decisions none is in the uniform sample"


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        pytest.param(
            "{score: max_prob, certificate: {kind: agree, epsilon: 0.1}}",
            "it asks for no certificate with audits",
            id="no-audits",
        ),
        pytest.param("{score: max_prob}", "it asks for no certificate with audits", id="none"),
        pytest.param(
            deferral()[:-1] + ", groups: [predicted_class]}",
            "certificates of single classes need labels of each class",
            id="groups",
        ),
        pytest.param(
            "{certificate: {kind: two_sided, rare_class: {label: error, miss: 0.1, "
            "false_alarm: 0.1}}, audits: {share: 0.5, max_share: 1.0}}",
            "certificates of single classes need labels of each class",
            id="two-sided",
        ),
    ],
)
def test_what_needs_a_fit_is_refused(tmp_path, stated, problem):
    loaded = fit_watched(tmp_path, stated)

    assert refusal(loaded, falling(100)) == problem


def test_several_tiers_need_a_fit(tmp_path):
    loaded = make_cascade(tmp_path, "level", **TWO_TIERS, deferral=deferral())
    train, development = rows("level", range(90)), rows("level", range(200, 360))
    record(loaded, {row["id"]: row["label"] for row in development})
    fit_cascade(loaded, read_rows(loaded, train, development))

    assert refusal(loaded, falling(100)) == "which tiers run can be planned by a fit only"


@pytest.mark.parametrize("change", ["prompt", "large-model"])
def test_decisions_about_other_files_certify_nothing(tmp_path, change):
    loaded = fit_watched(tmp_path)
    if change == "prompt":
        (tmp_path / "prompts" / "decide.md").write_text("Decide otherwise.\n")
    else:
        content = loaded.path.read_text().replace("engine: replay,", "engine: replay, model: b,")
        loaded.path.write_text(content)

    problem = refusal(load_cascade(loaded.path), falling(100))

    assert problem == "its prompt or a model has changed since it was fitted"


def test_the_copy_of_a_remote_artifact_is_not_written_to(loaded):
    found = recertify(loaded(), falling(100))
    remote = replace(found, artifact=replace(found.artifact, place="s3://bucket/fitted"))

    with pytest.raises(InputError) as caught:
        remote.write()

    assert caught.value.place == "s3://bucket/fitted"
    assert "--artifact" in caught.value.remedy
