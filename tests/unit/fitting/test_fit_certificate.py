"""A whole fit with a certificate: what is written, what is asked, what is refused."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta, timezone

import numpy as np
import pytest

from fakes.certified_logs import (
    AGREE,
    NOON,
    development,
    fit,
    large_answers,
    prepared,
    run,
    scores,
    train,
)
from fakes.made_up_logs import (
    DECIDE,
    GATED,
    NGRAMS,
    REPLAY,
    TWO_HEADED,
    TWO_TIERS,
    flipped,
    make_cascade,
    read_rows,
    record,
    rows,
)
from fakes.openai_endpoint import FakeEndpoint, decides
from headgate.artifact import Artifact, sha256_of
from headgate.cascade.certificate import hashes_of
from headgate.cascade.fitted import CASES_FOLDER, KIND, REFERENCE_SCORES, SECOND, read_fitted
from headgate.errors import InputError
from headgate.fitting.fit import Rows, fit_cascade
from headgate.fitting.units import part_units
from headgate.gate.bounds import binomial_p_value
from headgate.gate.threshold import KEEP_NOTHING
from headgate.gate.tiers import TUNE_SHARE
from headgate.retrieval.store import DOCUMENTS_FILE
from headgate.types import GuaranteeState, Tier

RARE = "{label: error, miss: 0.1, false_alarm: 0.2}"


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# What is written


def test_the_certificate_is_in_the_artifact_with_all_it_is_about(tmp_path):
    loaded, labelled = prepared(tmp_path, AGREE)

    fit(loaded, labelled)

    artifact = Artifact.open(tmp_path / "fitted", kind=KIND)
    found = read_fitted(artifact, loaded.spec).certificate
    file = sha256_of(artifact.path("classify_cheap.safetensors"))
    assert (found.kind, found.mode, found.epsilon, found.delta) == ("agree", "stream", 0.1, 0.05)
    assert (found.certified, found.reason, found.tiers) == (True, "", ("cheap",))
    assert (found.n, found.labels_needed, found.groups) == (180, 0, ())
    assert found.p_value == float(binomial_p_value(found.bad, 180, 0.1)) < 0.05
    assert 0 < found.automation < 1
    assert (found.alarm_epsilon, found.issued) == (0.1, "2026-11-27T12:00:00+00:00")
    assert found.hashes == hashes_of(loaded, {}, {"cheap": file})
    assert set(found.hashes) == {"classifier 'cheap'", "large model 'llm'", "prompt of 'decide'"}
    assert found.problem(found.hashes) == ""


def test_the_moment_of_issue_is_told_in_utc(tmp_path):
    loaded, labelled = prepared(tmp_path, AGREE, lines=development(20, 0))
    moment = NOON.astimezone(timezone(timedelta(hours=5)))

    artifact = fit_cascade(loaded, labelled, issued=moment)

    assert read_fitted(artifact, loaded.spec).certificate.issued == "2026-11-27T12:00:00+00:00"


def test_the_same_rows_seed_and_moment_give_the_same_bytes(tmp_path):
    loaded, labelled = prepared(tmp_path, "certificate: {kind: netgap, epsilon: 0.2}")

    for name in ("one", "two"):
        fit_cascade(loaded, labelled, issued=NOON, output=tmp_path / name)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_every_issue_is_a_certificate_of_its_own(tmp_path):
    loaded, labelled = prepared(tmp_path, AGREE)

    first = fit(loaded, labelled).certificate
    artifact = fit_cascade(loaded, labelled, issued=NOON + timedelta(seconds=1))
    second = read_fitted(artifact, loaded.spec).certificate

    assert first.id != second.id
    assert first.model_copy(update={"issued": second.issued}) == second


def test_another_seed_tunes_on_other_rows(tmp_path):
    loaded, labelled = prepared(tmp_path, "certificate: {kind: netgap, epsilon: 0.2}")

    hashes = {fit(loaded, labelled, seed=seed).certificate.data_sha256 for seed in (0, 1)}

    assert len(hashes) == 2


def test_the_data_of_a_certificate_are_its_own_rows(tmp_path):
    """Another training row makes another fit, and no other data; another label does."""
    loaded, labelled = prepared(tmp_path, AGREE)
    first, *others = labelled.development
    other_label = [replace(first, label="info"), *others]

    fits = [
        fit(loaded, rows)
        for rows in (
            labelled,
            Rows(labelled.train[1:], labelled.development),
            Rows(labelled.train, other_label),
        )
    ]

    hashes = [fitted.certificate.data_sha256 for fitted in fits]
    assert first.label == "error"
    assert hashes[0] == hashes[1] != hashes[2]
    assert fits[0].data_sha256 != fits[1].data_sha256


@pytest.mark.parametrize(("audits", "files"), [("", set()), (", audits: {}", {REFERENCE_SCORES})])
def test_scores_to_compare_with_are_kept_for_a_monitor(tmp_path, audits, files):
    loaded, labelled = prepared(tmp_path, f"{AGREE}{audits}")

    fit(loaded, labelled)

    own = {"manifest.json", "classify_cheap.safetensors"}
    assert set(contents(tmp_path / "fitted")) == own | files


@pytest.mark.parametrize(("parts", "share"), [(GATED, 0.0), (TWO_TIERS, TUNE_SHARE)])
def test_they_are_what_the_engine_tells_of_the_certification_rows(tmp_path, parts, share):
    """The score of the first gate that runs, whichever tiers the plan leaves out."""
    loaded, labelled = prepared(tmp_path, f"{AGREE}, audits: {{}}", parts)
    fit(loaded, labelled)

    results = run(loaded, labelled.development)

    own = part_units(labelled.development, share, 0).certify
    stored = Artifact.open(tmp_path / "fitted", kind=KIND).read_json(REFERENCE_SCORES)
    assert stored == scores(results)[own].tolist()


def test_a_second_model_is_part_of_what_is_certified(tmp_path):
    deferral = f"score: agreement, second_model: wide, {AGREE}"
    loaded, labelled = prepared(tmp_path, deferral, TWO_HEADED)

    fitted = fit(loaded, labelled)

    second = SECOND.format("wide")
    assert set(fitted.classifiers) == {"cheap", second}
    assert f"classifier {second!r}" in fitted.certificate.hashes
    assert fitted.gates["cheap_keep"].score == "agreement"


# What is asked


async def asked(folder, deferral, lines):
    """Return the rows that the large model is asked about in a fit, by log, in order."""
    async with FakeEndpoint(decides(lambda request: request.options[0])) as endpoint:
        llm = f"llm: {{kind: lm, engine: openai, model: m, base_url: '{endpoint.base_url}'}}"
        parts = {"models": (NGRAMS, llm), "flow": GATED["flow"]}
        loaded = make_cascade(folder, "level", **parts, deferral=f"{{{deferral}}}")
        labelled = read_rows(loaded, train(), lines)
        await asyncio.to_thread(fit_cascade, loaded, labelled)
        return sorted(request.user.splitlines()[1] for request in endpoint.requests)


COPIES = rows("level", range(500, 518))
"""Three copies of each of six templates."""
ASKED = [
    pytest.param(AGREE, 0.0, id="certification-rows-alone"),
    pytest.param("certificate: {kind: netgap, epsilon: 0.1}", TUNE_SHARE, id="tuning-rows-too"),
    pytest.param(
        "certificate: {kind: selective, epsilon: 0.1}, audits: {}", TUNE_SHARE, id="for-audits"
    ),
]


@pytest.mark.parametrize(("deferral", "share"), ASKED)
async def test_the_large_model_is_asked_about_the_rows_that_count_and_no_others(
    tmp_path, deferral, share
):
    """Copies of a certification row are not counted, and what is not counted is not paid for."""
    lines = [*development(40, 0), *COPIES]

    found = await asked(tmp_path, deferral, lines)

    loaded = make_cascade(tmp_path, "level", **GATED)
    units = part_units(read_rows(loaded, lines, lines).train, share, 0)
    counted = units.tune | units.certify
    assert found == sorted(row["log"] for row, own in zip(lines, counted, strict=True) if own)
    assert counted.sum() < len(lines)


@pytest.mark.parametrize(
    "deferral",
    [
        pytest.param("budget: {llm_share: 0.2}", id="no-certificate"),
        pytest.param("certificate: {kind: selective, epsilon: 0.1}", id="selective"),
        pytest.param(f"certificate: {{kind: two_sided, rare_class: {RARE}}}", id="two-sided"),
    ],
)
async def test_the_large_model_is_not_asked_where_labels_suffice(tmp_path, deferral):
    assert await asked(tmp_path, deferral, development(40, 0)) == []


# Refusals


def test_too_few_labels_send_everything_to_the_large_model(tmp_path):
    loaded, labelled = prepared(tmp_path, AGREE, lines=development(20, 0))

    fitted = fit(loaded, labelled)

    results = run(loaded, labelled.development)
    assert (fitted.certificate.certified, fitted.certificate.labels_needed) == (False, 29)
    assert fitted.gates["cheap_keep"].threshold == KEEP_NOTHING
    assert {result.tier for result in results} == {Tier.LARGE}
    assert {result.guarantee for result in results} == {GuaranteeState.UNCERTIFIED}
    assert fitted.metrics["escalated_share"] == 1


def test_or_what_the_budget_allows_uncertified(tmp_path):
    deferral = f"{AGREE}, on_uncertified: run_uncertified, budget: {{llm_share: 0.2}}"
    loaded, labelled = prepared(tmp_path, deferral, lines=development(28, 0))

    fitted = fit(loaded, labelled)

    results = run(loaded, labelled.development)
    kept = np.array([result.tier is Tier.SMALL for result in results])
    assert not fitted.certificate.certified
    assert fitted.certificate.automation == kept.mean() > 0.8
    assert {result.guarantee for result in results} == {GuaranteeState.UNCERTIFIED}


def test_what_holds_on_average_runs_uncertified(tmp_path):
    deferral = "certificate: {kind: agree, epsilon: 0.15, mode: expectation}"
    loaded, labelled = prepared(tmp_path, deferral, lines=development(28, 0))

    fitted = fit(loaded, labelled)

    results = run(loaded, labelled.development)
    assert not fitted.certificate.certified
    assert {result.tier for result in results} == {Tier.SMALL}
    assert {result.guarantee for result in results} == {GuaranteeState.UNCERTIFIED}


@pytest.mark.parametrize("missing", [4, 5])
def test_recordings_may_lack_a_tenth_of_the_rows_and_no_more(tmp_path, missing):
    """What is missing counts as different: of 40 rows four others differ by the large model."""
    loaded, labelled = prepared(tmp_path, AGREE, lines=development(40, 0))
    answers = large_answers(development(40, 0))
    record(loaded, dict([*answers.items()][missing:]))

    if missing == 5:
        with pytest.raises(InputError, match="no answer to 5 of 40 labelled rows"):
            fit(loaded, labelled)
        assert not (tmp_path / "fitted").exists()
    else:
        fitted = fit(loaded, labelled)
        assert fitted.certificate.n == 40


def test_rows_of_one_template_leave_none_to_tune_on(tmp_path):
    lines = [row for row in rows("level", range(600, 900)) if row["log"].startswith("disk")]
    loaded, labelled = prepared(tmp_path, "certificate: {kind: netgap, epsilon: 0.1}", lines=lines)

    with pytest.raises(InputError) as caught:
        fit(loaded, labelled)

    assert caught.value.args == (
        "development rows",
        "they are of one template or table, and this certificate needs some to tune on that share "
        "none with those that certify",
        "Give rows of more.",
    )
    assert not (tmp_path / "fitted").exists()


def test_rows_of_one_template_certify_as_the_one_unit_they_are(tmp_path):
    lines = [row for row in rows("level", range(600, 900)) if row["log"].startswith("disk")]
    loaded, labelled = prepared(tmp_path, AGREE, lines=lines)

    found = fit(loaded, labelled).certificate

    assert (found.n, found.certified, found.labels_needed) == (1, False, 29)


# Past cases


@pytest.mark.slow
def test_certification_rows_are_no_cases(tmp_path, embedded_int8):
    """All development labels are wrong, so every tuning row is a case, and no other one is."""
    parts = {
        "models": (NGRAMS, "slm: {kind: encoder}", REPLAY),
        "flow": (
            *GATED["flow"][:2],
            "{name: similar, kind: retrieve, index: error_cases}",
            DECIDE.replace("}", ", evidence: similar}"),
        ),
    }
    lines = [flipped(row) for row in development(40, 0)]
    loaded, labelled = prepared(tmp_path, f"score: max_prob, {AGREE}", parts, lines)

    fitted = fit(loaded, labelled)

    units = part_units(labelled.development, TUNE_SHARE, 0)
    folder = Artifact.open(tmp_path / "fitted", kind=KIND).folder(CASES_FOLDER)
    stored = (folder / DOCUMENTS_FILE).read_text("utf-8").splitlines()
    texts = {json.loads(line)["text"] for line in stored}
    assert texts == {row["log"] for row, own in zip(lines, units.tune, strict=True) if own}
    assert fitted.certificate.n == units.certify.sum() == len(lines) - len(texts)
