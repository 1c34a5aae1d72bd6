"""A cascade that matches columns, from labelled tables to its artifact."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from fakes.fitted_tables import NAMES, TARGET, labelled, refit, table_row, write_rows, write_tables
from headgate.artifact import Artifact
from headgate.cascade.assemble import task_of
from headgate.cascade.fitted import KIND, read_fitted
from headgate.domains.rows import template_of
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.domains.tasks import read_labels
from headgate.errors import InputError
from headgate.fitting.fit import Rows, fit_cascade
from headgate.fitting.recertify import certificate_in_service
from headgate.fitting.split import split_rows, without_seen
from headgate.fitting.units import part_units
from headgate.models.matcher import Matcher
from headgate.stages.candidates import FEATURES

pytestmark = pytest.mark.slow
MOMENT = datetime(2030, 1, 2, tzinfo=UTC)
CERTIFIED = (
    "{score: max_prob, certificate: {kind: regret, epsilon: 0.2, delta: 0.1}, audits: {share: 0.1}}"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The cascade without a certificate, not fitted."""
    return write_tables(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """The cascade with a certificate and answers for all development columns, not fitted."""
    loaded = write_tables(tmp_path_factory.mktemp("certified"), CERTIFIED)
    answers = [
        {"id": row.record.id, "answer": said(row.label)} for row in labelled(loaded, "dev", 6)
    ]
    write_rows(loaded.base_dir / "recordings.jsonl", *answers)
    return loaded


def said(label):
    matches = [] if label == NO_MATCH else [{"id": label, "score": 0.9}]
    return json.dumps({"matches": matches})


def parts(loaded, train=3, development=6):
    return Rows(labelled(loaded, "train", train), labelled(loaded, "dev", development))


def facts(loaded, artifact):
    return read_fitted(artifact, loaded.spec)


def contents(directory):
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_a_fit_counts_columns(loaded, tmp_path):
    artifact = refit(loaded, output=tmp_path / "a")

    metrics = facts(loaded, artifact).metrics
    assert (metrics["train_rows"], metrics["development_rows"]) == (3 * 8, 6 * 8)
    assert metrics["small_accuracy"] > 0.9


def test_equal_rows_and_seeds_make_equal_artifacts(certified, tmp_path):
    rows = parts(certified)
    for name in "ab":
        fit_cascade(certified, rows, output=tmp_path / name, seed=3, issued=MOMENT)

    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert first == second
    assert "match_candidates.json" in first


def test_without_training_rows_the_matcher_is_the_default(loaded, tmp_path):
    artifact = refit(loaded, Rows([], labelled(loaded, "dev", 6)), output=tmp_path / "a")

    matcher = Matcher.from_json(artifact.read_json("match_candidates.json"))
    assert matcher == Matcher.default(len(FEATURES))
    assert facts(loaded, artifact).metrics["train_rows"] == 0


def test_too_few_columns_are_refused(loaded, tmp_path):
    rows = Rows(labelled(loaded, "train", 1), labelled(loaded, "dev", 2))

    with pytest.raises(InputError, match="there are 16 that are not training rows"):
        refit(loaded, rows, output=tmp_path / "a")


def test_the_certificate_is_about_the_matcher_and_the_columns(certified, tmp_path):
    few = refit(certified, parts(certified, train=1), output=tmp_path / "few")
    many = refit(certified, parts(certified), output=tmp_path / "many")

    some, other = facts(certified, few).certificate, facts(certified, many).certificate
    differ = {name for name in some.hashes if some.hashes[name] != other.hashes[name]}
    assert (some.certified, some.n) == (True, 6 * 8)
    assert some.data_sha256 == other.data_sha256
    assert len(differ) == 1
    assert "candidates" in differ.pop()


def test_a_certificate_in_service_may_be_made_anew(certified):
    refit(certified, parts(certified))

    assert certificate_in_service(certified).certified


def test_another_matcher_in_the_artifact_voids_the_certificate(certified):
    artifact = refit(certified, parts(certified))
    fitted = facts(certified, artifact)
    changed = {**fitted.certificate.hashes}
    name = next(each for each in changed if "candidates" in each)

    assert fitted.certificate.problem({**changed, name: "0" * 64})


# What rows are, to a fit


def hash_of(loaded, artifact):
    return facts(loaded, Artifact.open(str(artifact), kind=KIND)).data_sha256


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"source": "disk\nanother value\n"}, id="a-value"),
        pytest.param({"target": {**TARGET, "more": {}}}, id="a-column-of-the-target"),
        pytest.param(
            {"target": {**TARGET, "dawn": {"description": "Of the day."}}}, id="a-description"
        ),
        pytest.param({"matches": {"disk": ["disk", "dawn"]}}, id="another-right-answer"),
    ],
)
def test_the_hash_of_the_labels_covers_whole_tables_and_all_right_answers(
    loaded, tmp_path, changes
):
    row = table_row("more", ("disk",))
    development = labelled(loaded, "dev", 3)
    hashes = []
    for name, own in (("before", row), ("after", {**row, **changes})):
        extra = read_labels(write_rows(tmp_path / f"{name}.jsonl", own), task_of(loaded))
        refit(loaded, Rows(extra, development), output=tmp_path / name)
        hashes.append(hash_of(loaded, tmp_path / name))

    assert hashes[0] != hashes[1]


def test_no_table_is_in_two_parts(loaded):
    rows = labelled(loaded, "dev", 6)

    units = part_units(rows, 0.5, seed=0)
    train, development = split_rows(rows, seed=0)

    tunes = {template_of(row) for row, own in zip(rows, units.tune, strict=True) if own}
    certifies = {template_of(row) for row, own in zip(rows, units.certify, strict=True) if own}
    assert tunes
    assert certifies
    assert not tunes & certifies
    assert not {template_of(row) for row in train} & {template_of(row) for row in development}


def test_every_column_certifies_but_copies_of_one_that_are_numbered(loaded, tmp_path):
    names = (*NAMES, "dusk1", "dusk2")
    row = {**table_row("t", names), "source": f"{','.join(names)}\n{','.join('1' * 10)}\n"}
    rows = read_labels(write_rows(tmp_path / "rows.jsonl", row), task_of(loaded))

    units = part_units(rows, 0.0, seed=0)

    assert np.flatnonzero(units.certify).tolist()[:8] == [*range(8)]
    assert units.certify.sum() == 9


def test_a_column_is_seen_only_against_the_same_target(loaded, tmp_path):
    row = table_row("a", ("disk", "pump"))
    other = {**row, "id": "b", "target": {"disk": {}, "pump": {}}}
    path = write_rows(tmp_path / "rows.jsonl", row, other, {**row, "id": "c"})
    rows = read_labels(path, task_of(loaded))

    assert without_seen(rows[2:], rows[:2]) == rows[2:4]
