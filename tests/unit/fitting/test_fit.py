import asyncio
from dataclasses import replace

import numpy as np
import pytest

from fakes.made_up_logs import (
    CHEAP,
    CHEAP_KEEP,
    GATED,
    LABELS,
    NGRAMS,
    SECOND,
    TWO_TIERS,
    WIDE,
    as_pairs,
    flipped,
    make_cascade,
    read_rows,
    rows,
)
from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.fitting.fit import Rows, fit_cascade
from headgate.fitting.split import split_rows
from headgate.gate.threshold import KEEP_ALL, KEEP_NOTHING
from headgate.types import Deadline, Tier

TRAIN, DEVELOPMENT, UNSEEN = range(90), range(200, 280), range(400, 460)
TWO_SMALL = {"models": (NGRAMS, WIDE), "flow": (CHEAP, CHEAP_KEEP, SECOND)}


def noisy(operation, numbers):
    """Return rows every fourth of which has the wrong label, so that two models differ."""
    found = rows(operation, numbers)
    return [flipped(row) if place % 4 == 3 else row for place, row in enumerate(found)]


def fit(loaded, *, train=None, development=None, output=None, seed=0):
    """Fit on rows of the cascade's operation."""
    operation = loaded.spec.task.operation
    labelled = read_rows(
        loaded,
        rows(operation, TRAIN) if train is None else train,
        rows(operation, DEVELOPMENT) if development is None else development,
    )
    return fit_cascade(loaded, labelled, output=output, seed=seed)


def fitted_of(loaded, artifact):
    return read_fitted(artifact, loaded.spec)


def answers(loaded, lines):
    """Return results on labelled rows, and whether each is right."""
    labelled = read_rows(loaded, lines, lines).train
    engine = open_engine(loaded, {})
    results = asyncio.run(engine.run([row.record for row in labelled], Deadline.after(60)))
    right = [result.answer == row.label for result, row in zip(results, labelled, strict=True)]
    return results, np.array(right)


def contents(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


# Every operation, from its file to its answers


@pytest.mark.parametrize("operation", LABELS)
def test_a_small_model_alone_learns_each_operation(tmp_path, operation):
    loaded = make_cascade(tmp_path, operation)

    fit(loaded)

    results, right = answers(loaded, rows(operation, UNSEEN))
    assert right.mean() > 0.95
    assert {result.tier for result in results} == {Tier.SMALL}


@pytest.mark.parametrize("operation", LABELS)
def test_a_gate_before_a_large_model_sends_it_the_least_sure_records(tmp_path, operation):
    """Nothing is recorded, so a record that goes on comes back degraded."""
    loaded = make_cascade(tmp_path, operation, **GATED, share=0.2)

    gate = fitted_of(loaded, fit(loaded)).gates["cheap_keep"]

    results, _ = answers(loaded, rows(operation, UNSEEN))
    scores = np.array([result.path[1].score for result in results])
    gone_on = [result.degraded == "REPLAY_MISS" for result in results]
    assert gone_on == (scores < gate.threshold).tolist()
    assert any(gone_on)
    assert not all(gone_on)


@pytest.mark.slow
def test_pairs_of_log_and_cause_teach_the_same_as_ranked_rows(tmp_path):
    loaded = make_cascade(tmp_path, "rank_causes")
    train, development = (rows("rank_causes", numbers) for numbers in (TRAIN, DEVELOPMENT))

    artifact = fit(loaded, train=as_pairs(train), development=as_pairs(development))

    _, right = answers(loaded, rows("rank_causes", UNSEEN))
    assert artifact.revision == fit(loaded, train=train, development=development).revision
    assert right.mean() > 0.95


def test_a_label_without_training_rows_is_never_answered(tmp_path):
    loaded = make_cascade(tmp_path, "module")
    train = [row for row in rows("module", TRAIN) if row["label"] != "network"]

    fit(loaded, train=train)

    results, _ = answers(loaded, rows("module", UNSEEN))
    assert {result.answer for result in results} == {"storage", "power"}


# What is written


def test_the_artifact_opens_and_belongs_to_the_file(tmp_path):
    loaded = make_cascade(tmp_path, "level", **GATED, share=0.2)

    written = fit(loaded)

    opened = Artifact.open(tmp_path / "fitted", kind=KIND)
    assert (opened.revision, opened.facts) == (written.revision, written.facts)
    fitted = fitted_of(loaded, opened)
    assert fitted.classifiers["cheap"].file == "classify_cheap.safetensors"
    assert set(opened.manifest.files) == {"classify_cheap.safetensors"}
    assert {"headgate", "scikit-learn"} <= set(fitted.versions)


def test_it_is_written_where_the_caller_says(tmp_path):
    loaded = make_cascade(tmp_path / "cascade", "level")

    artifact = fit(loaded, output=tmp_path / "elsewhere")

    assert artifact.directory == tmp_path / "elsewhere"
    assert not (tmp_path / "cascade" / "fitted").exists()


@pytest.mark.parametrize("operation", ["level", "match_description"])
def test_the_same_rows_and_seed_give_the_same_bytes(tmp_path, operation):
    loaded = make_cascade(tmp_path, operation, **GATED, share=0.2)

    first, second = (fit(loaded, output=tmp_path / name) for name in ("one", "two"))

    assert first.revision == second.revision
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.slow
def test_networks_are_the_same_with_the_same_seed_and_others_with_another(tmp_path):
    """From 1,000 pairs on there is chance in a fit."""
    loaded = make_cascade(tmp_path, "match_description")
    many = {"train": rows("match_description", range(1000, 2200))}

    revisions = [fit(loaded, **many, seed=seed).revision for seed in (0, 0, 1)]

    assert revisions[0] == revisions[1] != revisions[2]


def test_fitting_again_replaces_the_artifact(tmp_path):
    loaded = make_cascade(tmp_path, "level")
    first = fit(loaded)

    second = fit(loaded, train=rows("level", range(60)))

    assert Artifact.open(tmp_path / "fitted").revision == second.revision != first.revision
    assert [path.name for path in tmp_path.glob(".*")] == []


def changed(rows_, part):
    """Return the rows with one of them told otherwise, or in the other part."""
    first, *others = rows_.train
    match part:
        case "reason":
            return Rows([replace(first, reason="because"), *others], rows_.development)
        case "label":
            other = "info" if first.label == "error" else "error"
            return Rows([replace(first, label=other), *others], rows_.development)
        case "part":
            return Rows(others, [*rows_.development, first])
    return Rows([*others, first], rows_.development)


@pytest.mark.parametrize("part", ["reason", "label", "part", "order"])
def test_other_rows_have_another_hash(tmp_path, part):
    loaded = make_cascade(tmp_path, "level")
    labelled = read_rows(loaded, rows("level", TRAIN), rows("level", DEVELOPMENT))

    hashes = {
        fitted_of(loaded, fit_cascade(loaded, each)).data_sha256
        for each in (labelled, changed(labelled, part))
    }

    assert len(hashes) == 2


@pytest.mark.slow
def test_another_split_has_another_hash(tmp_path):
    loaded = make_cascade(tmp_path, "rank_causes")
    labelled = read_rows(loaded, rows("rank_causes", range(120)), rows("rank_causes", [0])).train
    # Every row a template of its own: the events alone would be six groups.
    alone = [
        replace(row, record=replace(row.record, fields={"log": f"{chr(0x4E00 + place)} {place}"}))
        for place, row in enumerate(labelled)
    ]

    artifacts = [fit_cascade(loaded, Rows(*split_rows(alone, seed))) for seed in (0, 0, 1)]

    hashes = [fitted_of(loaded, artifact).data_sha256 for artifact in artifacts]
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_hash_is_of_what_the_rows_say_and_not_of_their_ids(tmp_path):
    loaded = make_cascade(tmp_path, "level")
    renamed = [{**row, "id": f"x{row['id']}"} for row in rows("level", TRAIN)]

    assert fit(loaded).revision == fit(loaded, train=renamed).revision


# Thresholds and figures


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_no_more_development_rows_go_on_than_the_stated_share(tmp_path, share):
    loaded = make_cascade(tmp_path, "level", **GATED, share=share)

    metrics = fitted_of(loaded, fit(loaded, development=noisy("level", DEVELOPMENT))).metrics

    assert 0 <= metrics["escalated_share"] <= share


@pytest.mark.parametrize(
    ("share", "threshold", "escalated"), [(0.0, KEEP_ALL, 0), (1.0, KEEP_NOTHING, 1)]
)
def test_a_share_of_nothing_or_all_needs_no_rows(tmp_path, share, threshold, escalated):
    loaded = make_cascade(tmp_path, "level", **GATED, share=share)

    fitted = fitted_of(loaded, fit(loaded))

    assert fitted.gates["cheap_keep"].threshold == threshold
    assert fitted.metrics["escalated_share"] == escalated


@pytest.mark.slow
def test_a_gate_that_hardly_any_row_reaches_still_keeps_to_the_budget(tmp_path):
    """Both tiers are always right, so the first keeps all 80 rows; they prove 5 % but not 2 %."""
    thresholds = [
        fitted_of(loaded, fit(loaded)).gates["second_keep"].threshold
        for share in (0.02, 0.05)
        if (loaded := make_cascade(tmp_path, "level", **TWO_TIERS, share=share))
    ]

    assert thresholds == [KEEP_ALL, KEEP_NOTHING]


@pytest.mark.parametrize("score", ["max_prob", "margin"])
def test_the_score_of_the_file_is_the_gates(tmp_path, score):
    make_cascade(tmp_path, "level", **GATED, share=0.2)
    path = tmp_path / "cascade.yaml"
    text = path.read_text("utf-8").replace("{budget", f"{{score: {score}, budget")
    path.write_text(text, "utf-8")
    loaded = load_cascade(path)

    assert fitted_of(loaded, fit(loaded)).gates["cheap_keep"].score == score


FLOWS = [
    pytest.param({}, None, id="small"),
    pytest.param(TWO_SMALL, None, id="two-small"),
    pytest.param(GATED, 0.2, id="small-large"),
    pytest.param(TWO_TIERS, 0.3, id="two-small-large"),
]


@pytest.mark.parametrize(("parts", "share"), FLOWS)
def test_the_figures_of_a_fit_are_those_of_the_engine_on_the_development_rows(
    tmp_path, parts, share
):
    """Nothing is recorded: whatever goes on is answered by the small models, and marked."""
    loaded = make_cascade(tmp_path, "level", **parts, share=share)
    development = noisy("level", DEVELOPMENT)

    artifact = fit(loaded, train=noisy("level", TRAIN), development=development)

    results, right = answers(loaded, development)
    gone_on = np.array([bool(result.degraded) for result in results])
    metrics = fitted_of(loaded, artifact).metrics
    assert metrics["small_accuracy"] == pytest.approx(right.mean())
    assert metrics["kept_accuracy"] == pytest.approx(right[~gone_on].mean())
    assert metrics["escalated_share"] == pytest.approx(gone_on.mean())
    assert (metrics["train_rows"], metrics["development_rows"]) == (90, 80)
    assert metrics["error_cases"] == 0


def test_a_cheap_tier_that_is_as_right_as_the_next_keeps_everything(tmp_path):
    loaded = make_cascade(tmp_path, "module", **TWO_SMALL)
    fit(loaded)

    results, right = answers(loaded, rows("module", DEVELOPMENT))

    assert right.all()
    assert {len(result.path) for result in results} == {2}


def test_development_rows_that_were_trained_on_are_not_counted(tmp_path):
    loaded = make_cascade(tmp_path, "level")
    development = [*rows("level", range(40)), *rows("level", range(200, 225))]

    metrics = fitted_of(loaded, fit(loaded, development=development)).metrics

    assert (metrics["train_rows"], metrics["development_rows"]) == (90, 25)
