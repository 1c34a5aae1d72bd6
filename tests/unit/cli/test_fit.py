import os
import pty
import subprocess
import sys

import pytest

from fakes.fitted_parts import write_parts
from fakes.watched_cascade import deferral, fit_watched
from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND
from headgate.fitting.recertify import certificate_in_service


@pytest.fixture
def cascade(tmp_path):
    """A cascade that is not fitted yet."""
    return write_parts(tmp_path / "cascade")


def test_a_fit_writes_the_artifact_and_shows_its_figures(headgate, cascade, rows, labelled):
    train = rows(*labelled(*range(60)), name="train.jsonl")
    dev = rows(*labelled(*range(100, 140)), name="dev.jsonl")

    ended = headgate("fit", cascade.path, "--labels", train, "--dev", dev)

    artifact = Artifact.open(cascade.artifact, kind=KIND)
    shown = {line.rsplit(maxsplit=1)[0]: line.split()[-1] for line in ended.out.splitlines()}
    assert ended.code == 0
    assert ended.err == f"fitting parts on 60 rows, 40 for thresholds -> {cascade.artifact}\n"
    assert shown["train rows"] == "60"
    assert shown["development rows"] == "40"
    assert shown["small model alone, accuracy"] == "100.0%"
    assert shown["kept by the gates, accuracy"] == "100.0%"
    assert shown["error cases"] == "0"
    assert 0.5 < float(shown["threshold of keep"]) < 1.0
    assert (shown["artifact"], shown["revision"]) == (cascade.artifact, artifact.revision)


def test_json_has_the_figures_as_numbers(headgate, cascade, rows, labelled):
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")

    ended = headgate(
        "fit", cascade.path, "--labels", train, "--dev", dev, "--output", "json", "--quiet"
    )

    found = ended.data
    assert (ended.code, ended.err) == (0, "")
    assert (found["name"], found["artifact"]) == ("parts", cascade.artifact)
    assert (found["train_rows"], found["development_rows"], found["error_cases"]) == (60, 40, 0)
    assert (found["small_accuracy"], found["kept_accuracy"]) == (1.0, 1.0)
    assert found["escalated_share"] <= 0.25
    assert set(found["thresholds"]) == {"keep"}


def test_without_development_rows_some_labels_are_held_out(headgate, cascade, rows, labelled):
    """Lines that differ in numbers only stay together: 10 groups of 10 rows."""
    parts = [
        {**row, "log": f"{row['log'].rsplit(' ', 1)[0]} on unit {chr(97 + number % 10)}x{number}"}
        for number, row in enumerate(labelled(*range(100)))
    ]

    found = headgate(
        "fit", cascade.path, "--labels", rows(*parts), "--output", "json", "--seed", "3"
    ).data

    assert found["train_rows"] + found["development_rows"] == 100
    assert 20 <= found["development_rows"] <= 40


def test_the_same_seed_fits_the_same(headgate, cascade, rows, labelled, tmp_path):
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")
    line = ("fit", cascade.path, "--labels", train, "--dev", dev, "--output", "json", "--artifact")

    first, second = headgate(*line, tmp_path / "a"), headgate(*line, tmp_path / "b")

    assert first.data["artifact"] == str(tmp_path / "a")
    assert second.data["artifact"] == str(tmp_path / "b")
    assert first.data["revision"] == second.data["revision"]
    assert not os.path.exists(cascade.artifact)


def test_a_cascade_without_a_gate_claims_nothing_about_gates(headgate, rows, labelled, tmp_path):
    path = tmp_path / "cascade.yaml"
    path.write_text(
        "apiVersion: headgate/v1\nkind: Cascade\nmetadata: {name: alone}\nspec:\n"
        "  domain: logs\n  task: {operation: level, labels: [disk, net]}\n  artifact: fitted\n"
        "  models: {fast: {kind: ngrams, buckets: 1024}}\n"
        "  flow: [{name: triage, kind: classify, model: fast}]\n"
    )
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")

    found = headgate("fit", path, "--labels", train, "--dev", dev, "--output", "json").data

    assert found["small_accuracy"] == 1.0
    assert (found["kept_accuracy"], found["escalated_share"], found["thresholds"]) == (
        None,
        None,
        {},
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"log": "x"}, "'label' is missing", id="no-label"),
        pytest.param({"log": "x", "label": "gpu"}, "not in the answer set", id="unknown-label"),
        pytest.param({"log": 7, "label": "disk"}, "and not a text", id="number"),
        pytest.param({"label": "disk"}, "'log' is missing or blank", id="no-log"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(headgate, cascade, rows, labelled, row, problem):
    train = rows(*labelled(*range(60)), row)

    ended = headgate("fit", cascade.path, "--labels", train)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: {train}:61: ")
    assert problem in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not os.path.exists(cascade.artifact)


def test_too_few_development_rows_are_refused(headgate, cascade, rows, labelled):
    train, dev = rows(*labelled(*range(60))), rows(*labelled(100, 101), name="dev.jsonl")

    ended = headgate("fit", cascade.path, "--labels", train, "--dev", dev)

    assert ended.code == 2
    assert "development rows: there are 2" in ended.err


def test_labels_that_are_not_there_are_named(headgate, cascade, tmp_path):
    ended = headgate("fit", cascade.path, "--labels", tmp_path / "none.jsonl")

    assert ended.code == 2
    assert ended.err.startswith(f"headgate: {tmp_path}/none.jsonl: the file cannot be read")


def test_a_place_that_holds_something_else_is_not_overwritten(
    headgate, cascade, rows, labelled, tmp_path
):
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("mine")
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")

    ended = headgate("fit", cascade.path, "--labels", train, "--dev", dev, "--artifact", own)

    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith(f"headgate: {own}: ")
    assert [each.name for each in own.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "drawn"), [(None, True), ("--no-progress", False), ("--quiet", False)]
)
def test_bars_are_drawn_on_a_terminal_unless_they_are_unwanted(
    cascade, rows, labelled, option, drawn
):
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")
    line = ["fit", str(cascade.path), "--labels", str(train), "--dev", str(dev)]

    shown = _on_a_terminal([*line, option] if option else line)

    assert ("━" in shown) == drawn


def _on_a_terminal(arguments):
    """Return what the command line writes to a terminal on stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "headgate.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return shown.decode()


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody holds the other end
        return b""


# With a certificate


@pytest.fixture
def certifying(tmp_path):
    """A cascade that asks for a certificate of its gate, with the rows to train on."""
    loaded = fit_watched(tmp_path / "certifying")
    line = ("fit", loaded.path, "--labels", loaded.base_dir / "train.jsonl", "--dev")
    return loaded, line


def certify_rows(loaded, count):
    """Return a file of so many development rows."""
    path = loaded.base_dir / "dev.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:count]))
    return path


def test_a_certificate_is_shown_with_what_it_states(headgate, certifying):
    loaded, line = certifying

    ended = headgate(*line, certify_rows(loaded, 60))

    shown = dict(each.split("  ", 1) for each in ended.out.splitlines() if "  " in each)
    certificate = certificate_in_service(loaded)
    assert ended.code == 0
    assert shown["certificate"].strip() == certificate.sentence()
    assert certificate.sentence().startswith("at most 10% of all answers differ")
    assert shown["certificate id"].strip() == certificate.id
    assert shown["bad of kept, certification units"].split() == ["0,", "60"]
    assert shown["answered by small models"].strip() == "100.0%"
    assert "labels needed, at least" not in shown


def test_too_few_labels_end_with_1_and_the_artifact_says_so(headgate, certifying):
    """Everything goes to the large model then: the cascade can be served as it is."""
    loaded, line = certifying

    ended = headgate(*line, certify_rows(loaded, 28), "--quiet")

    assert ended.code == 1
    assert ended.err == (
        "headgate: not certified: 28 certification units do not prove it. "
        "At least 29 labels are needed.\n"
    )
    assert "not certified: 28 certification units do not prove it" in ended.out
    assert not certificate_in_service(loaded).certified


def test_json_has_the_certificate_whole(headgate, certifying):
    loaded, line = certifying

    found = headgate(*line, certify_rows(loaded, 60), "--output", "json", "--quiet").data

    certificate = found["certificate"]
    assert certificate["id"] == certificate_in_service(loaded).id
    assert (certificate["kind"], certificate["certified"]) == ("agree", True)
    assert (certificate["n"], certificate["bad"], certificate["labels_needed"]) == (60, 0, 0)
    assert set(certificate["hashes"]) == {
        "classifier 'cheap'",
        "large model 'llm'",
        "prompt of 'decide'",
    }


def test_a_cascade_that_asks_for_none_has_none(headgate, cascade, rows, labelled):
    train, dev = rows(*labelled(*range(60))), rows(*labelled(*range(100, 140)), name="dev.jsonl")

    found = headgate("fit", cascade.path, "--labels", train, "--dev", dev, "--output", "json").data

    assert found["certificate"] is None


def test_each_class_has_a_line_of_its_own(headgate, tmp_path):
    stated = deferral()[:-1] + ", groups: [predicted_class]}"
    loaded = fit_watched(tmp_path, stated)
    line = ("fit", loaded.path, "--labels", loaded.base_dir / "train.jsonl")

    ended = headgate(*line, "--dev", loaded.base_dir / "dev.jsonl")

    shown = dict(each.split("  ", 1) for each in ended.out.splitlines() if "  " in each)
    assert ended.code == 0
    assert shown["class info"].strip() == "at most 10.00%: 0 bad of 40"
    assert shown["class error"].strip() == "at most 10.00%: 0 bad of 40"
