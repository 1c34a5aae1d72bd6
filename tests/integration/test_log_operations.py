"""Every operation with the packaged encoder, from labels to answers: nothing here is a stand-in."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.made_up_logs import (
    CHEAP,
    CHEAP_KEEP,
    DECIDE,
    LABELS,
    NGRAMS,
    REPLAY,
    as_pairs,
    flipped,
    make_cascade,
    read_rows,
    rows,
    write_rows,
)
from headgate.artifact import Artifact
from headgate.cascade import capabilities
from headgate.cascade.assemble import task_of
from headgate.cascade.encoders import fitted_encoder
from headgate.cascade.explain import explain
from headgate.cascade.fitted import CASES_FOLDER, read_fitted
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.domains.rows import read_labelled
from headgate.errors import ArtifactError
from headgate.evaluation.evaluate import evaluate
from headgate.fitting.fit import Rows, fit_cascade
from headgate.retrieval.store import VectorStore
from headgate.types import Deadline, Tier

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("embedded_int8")]

SAMPLE = Path(__file__).parents[2] / "cascades" / "log_analysis"
TRAIN, DEVELOPMENT, UNSEEN = range(120), range(200, 280), range(400, 460)

SLM = "slm: {kind: encoder}"
TRIAGE = "{name: triage, kind: classify, model: slm}"
KEEP = "{name: keep, kind: gate, of: triage}"
SIMILAR = "{name: similar, kind: retrieve, index: error_cases, top_k: 3}"
DECIDE_WITH_CASES = DECIDE.replace("}", ", evidence: similar}")
ONE_TIER = {"models": (SLM, REPLAY), "flow": (TRIAGE, KEEP, SIMILAR, DECIDE_WITH_CASES)}
TWO_TIERS = {
    "models": (NGRAMS, SLM, REPLAY),
    "flow": (CHEAP, CHEAP_KEEP, TRIAGE, KEEP, SIMILAR, DECIDE_WITH_CASES),
}


def soon():
    return Deadline.after(60)


def with_hard_cases(operation, numbers):
    """Return rows every eighth of which is not what its words say, with a reason."""
    found = rows(operation, numbers)
    return [
        flipped(row, f"row {row['id']} is an exception") if place % 8 == 7 else row
        for place, row in enumerate(found)
    ]


def record_answers(folder, lines):
    """Write the right answer to each row as a large model's."""
    answers = [
        {"id": row["id"], "answer": json.dumps({"reason": "as labelled", "label": row["label"]})}
        for row in lines
    ]
    write_rows(folder / "answers.jsonl", answers)


def fit(loaded, train=None, development=None):
    operation = loaded.spec.task.operation
    return fit_cascade(
        loaded,
        read_rows(
            loaded,
            train or rows(operation, TRAIN),
            development or rows(operation, DEVELOPMENT),
        ),
    )


def labelled_of(loaded, lines):
    return read_labelled(write_rows(loaded.base_dir / "rows.jsonl", lines), task_of(loaded))


def answer(engine, labelled):
    """Return the results, and the share of them that is right."""
    records = [row.record for row in labelled]
    results = asyncio.run(engine.run(records, soon()))
    right = [result.answer == row.label for result, row in zip(results, labelled, strict=True)]
    return results, sum(right) / len(right)


def cases_of(artifact):
    """Return the text and metadata of every case, by text."""
    path = artifact.folder(CASES_FOLDER) / "documents.jsonl"
    documents = map(json.loads, path.read_text("ascii").splitlines())
    return {document["text"]: document["metadata"] for document in documents}


def timeless(result):
    """Return the result without what differs between two equal runs."""
    path = tuple(replace(step, elapsed_ms=0) for step in result.path)
    return replace(result, path=path)


@pytest.mark.parametrize("operation", LABELS)
def test_an_operation_is_learnt_gated_and_decided_by_the_large_model(tmp_path, operation):
    loaded = make_cascade(tmp_path, operation, **ONE_TIER, share=0.2)
    unseen = rows(operation, UNSEEN)
    record_answers(tmp_path, unseen)
    fit(loaded)
    engine = open_engine(loaded, {})

    results, accuracy = answer(engine, labelled_of(loaded, unseen))

    tiers = [result.tier for result in results]
    assert accuracy > 0.95
    assert 0 < tiers.count(Tier.LARGE) < len(tiers)
    assert not [result for result in results if result.error or result.degraded]
    rationales = {result.rationale for result in results if result.tier is Tier.LARGE}
    assert rationales == {"as labelled"}


def test_pairs_of_log_and_cause_are_learnt_as_ranked_rows_are(tmp_path):
    loaded = make_cascade(tmp_path, "rank_causes", models=(SLM,), flow=(TRIAGE,))
    parts = [as_pairs(rows("rank_causes", numbers)) for numbers in (TRAIN, DEVELOPMENT)]

    fit(loaded, *parts)

    _, accuracy = answer(open_engine(loaded, {}), labelled_of(loaded, rows("rank_causes", UNSEEN)))
    assert accuracy > 0.95


@pytest.mark.parametrize("operation", ["level", "match_description"])
def test_the_cases_are_the_last_small_models_errors_on_development_rows(tmp_path, operation):
    loaded = make_cascade(tmp_path, operation, **TWO_TIERS, share=0.2)
    development = with_hard_cases(operation, DEVELOPMENT)

    artifact = fit(loaded, development=development)

    labelled = labelled_of(loaded, development)
    engine = open_engine(loaded, {})
    records = [row.record for row in labelled]
    said = asyncio.run(capabilities.classify(engine, records, soon(), stage="triage"))
    expected = {
        task_of(loaded).query_text(row.record): {
            "label": row.label,
            "wrong_answer": found.answer,
            **({"reason": row.reason} if row.reason else {}),
        }
        for row, found in zip(labelled, said, strict=True)
        if found.answer != row.label
    }
    hard = sum(bool(row.reason) for row in labelled)
    assert cases_of(artifact) == expected
    assert hard == 10 <= len(expected)
    assert artifact.facts["metrics"]["error_cases"] == len(expected)


def test_cases_of_ranked_causes_are_told_by_their_texts(tmp_path):
    """A third of the labels names another cause than the words do."""
    loaded = make_cascade(tmp_path, "rank_causes", **ONE_TIER, share=0.2)
    development = [
        {**row, "label": str(int(row["label"]) % 3 + 1)} if place % 3 == 0 else row
        for place, row in enumerate(rows("rank_causes", DEVELOPMENT))
    ]

    artifact = fit(loaded, development=development)

    causes = {row["log"]: row for row in development}
    for text, metadata in cases_of(artifact).items():
        row = causes[text.split("\n")[0]]
        assert metadata["label"] == row["candidates"][int(row["label"]) - 1]
        assert metadata["wrong_answer"] in row["candidates"]
        assert metadata["wrong_answer"] != metadata["label"]
    assert len(cases_of(artifact)) >= 27


def test_two_tiers_and_a_large_model_share_the_records(tmp_path):
    """Everything that is kept, sent on and decided adds up, and explaining it asks nobody."""
    loaded = make_cascade(tmp_path, "level", **TWO_TIERS, share=0.3)
    unseen = with_hard_cases("level", UNSEEN)
    record_answers(tmp_path, unseen)
    fit(
        loaded,
        with_hard_cases("level", TRAIN),
        with_hard_cases("level", DEVELOPMENT),
    )
    engine = open_engine(loaded, {})
    labelled = labelled_of(loaded, unseen)

    explained = asyncio.run(explain(engine, [row.record for row in labelled], soon()))
    assert engine.asking.large_model.ledger.total().calls == 0
    results, _ = answer(engine, labelled)

    assert [each.tier for each in explained] == [each.tier for each in results]
    assert [each.evidence for each in explained] == [each.evidence for each in results]
    large = [result for result in results if result.tier is Tier.LARGE]
    assert large
    assert all(len(result.path) == 6 and len(result.evidence) == 3 for result in large)
    assert all(hit.metadata["label"] in ("info", "error") for hit in large[0].evidence)
    assert {len(result.path) for result in results if result.tier is Tier.SMALL} <= {2, 4}


def test_a_large_model_is_shown_the_cases_most_like_the_record(tmp_path):
    loaded = make_cascade(tmp_path, "level", **ONE_TIER, share=0.2)
    fit(loaded, development=with_hard_cases("level", DEVELOPMENT))
    engine = open_engine(loaded, {})
    cases = list(cases_of(Artifact.open(loaded.artifact)))

    found = asyncio.run(capabilities.retrieve(engine, cases, soon(), top_k=1))

    assert [hits[0].text for hits in found] == cases
    assert all(hits[0].similarity > 0.999 for hits in found)


def test_the_same_rows_and_seed_give_the_same_artifact_with_an_encoder(tmp_path):
    loaded = make_cascade(tmp_path, "match_description", **ONE_TIER, share=0.2)
    development = with_hard_cases("match_description", DEVELOPMENT)

    revisions = {fit(loaded, development=development).revision for _ in range(2)}

    assert len(revisions) == 1


def test_cases_are_embedded_by_the_encoder_that_the_retrieval_names(tmp_path):
    exact = "exact: {kind: encoder, precision: float32}"
    second = "{name: second, kind: classify, model: exact}"
    flow = (
        TRIAGE,
        KEEP,
        second,
        "{name: keep_second, kind: gate, of: second}",
        SIMILAR.replace("top_k: 3", "top_k: 3, model: exact"),
        DECIDE_WITH_CASES,
    )
    loaded = make_cascade(tmp_path, "level", models=(SLM, exact, REPLAY), flow=flow, share=0.2)

    artifact = fit(loaded, development=with_hard_cases("level", DEVELOPMENT))

    fitted = read_fitted(artifact, loaded.spec)
    store = VectorStore.load(artifact.folder(CASES_FOLDER))
    assert store.encoder == fitted.encoders["exact"] != fitted.encoders["slm"]
    results, _ = answer(open_engine(loaded, {}), labelled_of(loaded, rows("level", UNSEEN)))
    assert not [result for result in results if result.error]


def test_an_artifact_brings_its_own_int8_encoder(tmp_path):
    """Serving needs no cache and no conversion."""
    loaded = make_cascade(tmp_path, "level", models=(SLM,), flow=(TRIAGE,))
    artifact = fit(loaded)

    encoder = fitted_encoder(loaded, artifact, "slm")

    assert encoder.fingerprint == read_fitted(artifact, loaded.spec).encoders["slm"]
    assert {name for name in artifact.manifest.files if name.startswith("encoder_slm/")} == {
        "encoder_slm/model.xml",
        "encoder_slm/model.bin",
        "encoder_slm/tokenizer.json",
    }


def test_an_artifact_is_refused_by_a_file_that_names_another_precision(tmp_path):
    loaded = make_cascade(tmp_path, "level", models=(SLM,), flow=(TRIAGE,))
    fit(loaded)
    other = make_cascade(
        tmp_path, "level", models=("slm: {kind: encoder, precision: float32}",), flow=(TRIAGE,)
    )

    with pytest.raises(ArtifactError, match="fitted for another models"):
        open_engine(other, {})


def test_every_step_of_a_fit_that_is_told_of_ends_at_its_total(tmp_path):
    loaded = make_cascade(tmp_path, "level", **TWO_TIERS, share=0.2)
    labelled = read_rows(loaded, rows("level", TRAIN), rows("level", DEVELOPMENT))
    last = {}

    def note(step, done, total):
        assert 0 <= done <= total
        last[step] = (done, total)

    fit_cascade(loaded, labelled, report=note)

    assert set(last) == {"load encoder slm", "embed texts", "train cheap", "train triage"}
    assert all(done == total for done, total in last.values())


# The sample that comes with the project


@pytest.fixture(scope="module")
def whole_sample(tmp_path_factory, embedded_int8):
    """The sample cascade, fitted on its own rows into a directory of ours."""
    target = tmp_path_factory.mktemp("sample") / "fitted"
    loaded = replace(load_cascade(SAMPLE / "cascade.yaml"), artifact=str(target))
    task = task_of(loaded)
    parts = (read_labelled(SAMPLE / "sample" / f"{part}.jsonl", task) for part in ("train", "dev"))
    fit_cascade(loaded, Rows(*parts))
    return loaded, read_labelled(SAMPLE / "sample" / "test.jsonl", task)


def test_the_sample_is_answered_better_than_by_its_small_model_alone(whole_sample):
    loaded, test = whole_sample
    engine = open_engine(loaded, {})

    found = asyncio.run(evaluate(engine, test, large_alone=True))

    assert (found.degraded, found.failed) == ({}, {})
    assert 0 < found.llm_share <= 0.3
    assert found.small_accuracy < found.cascade_accuracy <= found.oracle_accuracy
    assert found.large_accuracy == 0.9
    assert 0 < found.usage.cost_usd < found.large_usage.cost_usd


def test_two_runs_of_recorded_answers_give_the_same_results(whole_sample):
    """Bit for bit, whatever the batch is and whoever answered before."""
    loaded, test = whole_sample
    records = [row.record for row in test]

    async def run(engine, *batches):
        return [timeless(each) for batch in batches for each in await engine.run(batch, soon())]

    first, second = (open_engine(loaded, {}) for _ in range(2))
    whole = asyncio.run(run(first, records))

    assert asyncio.run(run(second, records)) == whole
    again = asyncio.run(run(open_engine(loaded, {}), records[:37], records[37:]))
    assert [(each.answer, each.tier) for each in again] == [
        (each.answer, each.tier) for each in whole
    ]
