from contextlib import closing
from dataclasses import replace

import pytest

from fakes.watched_cascade import decision, fit_watched
from headgate.artifact import Artifact
from headgate.cascade.decision_log import FILE, DecisionLog
from headgate.cascade.fitted import KIND, read_fitted
from headgate.fitting.recertify import certificate_in_service


@pytest.fixture
def loaded(tmp_path):
    """A cascade of its own, for its artifact is exchanged."""
    return fit_watched(tmp_path / "cascade")


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def served(loaded, state_dir):
    """Writes decisions under the present certificate, of seconds since 1970."""

    def serve(count, at=1000.0, **changes):
        own = {"certificate_id": certificate_in_service(loaded).id, "coin": 0.1, "at": at}
        known = {"small_answer": "info", "reference": "info", "score": 0.9}
        with closing(DecisionLog(state_dir / "made_up")) as log:
            start = len(log)
            log.add([decision(start + n, **(own | known | changes)) for n in range(count)])

    return serve


def certificate_of(loaded):
    return read_fitted(Artifact.open(loaded.artifact, kind=KIND), loaded.spec).certificate


def cells(ended):
    return dict(line.split("  ", 1) for line in ended.out.splitlines() if "  " in line)


def test_a_certificate_is_made_of_what_was_served(headgate, loaded, served, state_dir):
    before = certificate_of(loaded)
    served(100)
    served(20, coin=0.7, reference=None)
    served(2, coin=0.1, reference=None, score=0.5)

    ended = headgate("recertify", loaded.path, "--state-dir", state_dir)

    after, shown = certificate_of(loaded), {k: v.strip() for k, v in cells(ended).items()}
    assert ended.code == 0
    assert ended.err == (
        "122 decisions, 102 of them sampled uniformly, 0 with feedback, "
        "2 without the large model's answer\n"
    )
    assert after.id != before.id
    assert shown["certificate"] == after.sentence()
    assert shown["certificate id"] == after.id
    assert shown["bad of kept, certification units"] == "2, 102"
    assert shown["answered by small models"] == "100.0%"
    assert shown["disagreement under the present gate, all audits weighted"].startswith("0.0% (")
    assert shown["artifact"] == loaded.artifact


def test_json_has_every_figure(headgate, loaded, served, state_dir):
    served(100)

    ended = headgate(
        "recertify", loaded.path, "--state-dir", state_dir, "--output", "json", "--quiet"
    )

    found = ended.data
    assert (ended.code, ended.err) == (0, "")
    assert (found["decisions"], found["sample"], found["missing"], found["gold"]) == (
        100,
        100,
        0,
        0,
    )
    assert found["certificate"]["id"] == certificate_of(loaded).id
    assert found["certificate"]["certified"] is True
    assert found["disagreement"]["risk"] == 0
    assert found["artifact"] == loaded.artifact


def test_a_dry_run_writes_nothing(headgate, loaded, served, state_dir):
    before = Artifact.open(loaded.artifact, kind=KIND).revision
    served(100)

    ended = headgate("recertify", loaded.path, "--state-dir", state_dir, "--dry-run")

    assert ended.code == 0
    assert cells(ended)["artifact"].strip() == "nothing is written"
    assert "with probability 95%" in ended.out
    assert Artifact.open(loaded.artifact, kind=KIND).revision == before


@pytest.mark.parametrize("output", ["table", "json"])
def test_too_few_labels_write_nothing_and_end_with_1(headgate, loaded, served, state_dir, output):
    before = Artifact.open(loaded.artifact, kind=KIND).revision
    served(20)

    ended = headgate("recertify", loaded.path, "--state-dir", state_dir, "--output", output)

    assert ended.code == 1
    assert "20 sampled decisions do not prove it" in ended.out
    assert "nothing is written" in ended.out
    assert Artifact.open(loaded.artifact, kind=KIND).revision == before


def test_older_decisions_can_be_left_out(headgate, loaded, served, state_dir):
    """Before the second day of 1970 everything was wrong."""
    served(50, at=1000.0, reference="error")
    served(100, at=90_000.0)
    line = ("recertify", loaded.path, "--state-dir", state_dir, "--dry-run", "--quiet")

    everything, since = headgate(*line), headgate(*line, "--since", "1970-01-02T00:00Z")

    assert (everything.code, since.code) == (1, 0)


def test_the_state_can_be_named_by_the_environment(
    headgate, loaded, served, state_dir, monkeypatch
):
    served(100)
    monkeypatch.setenv("HEADGATE_STATE_DIR", str(state_dir))

    assert headgate("recertify", loaded.path, "--dry-run").code == 0


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", ""])
def test_a_time_that_is_none_is_refused(headgate, loaded, served, state_dir, time):
    served(1)

    ended = headgate("recertify", loaded.path, "--state-dir", state_dir, "--since", time)

    assert ended.code == 2
    assert ended.err == "headgate: --since: it is no time. Write it like 2026-11-27T08:00Z.\n"


def test_a_cascade_that_was_never_served_is_told_to_be(headgate, loaded, state_dir):
    ended = headgate("recertify", loaded.path, "--state-dir", state_dir)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"headgate: {state_dir}/made_up/{FILE}: there is no log of decisions. "
        "Serve the cascade with audits first.\n"
    )


def test_decisions_of_other_certificates_do_not_count(headgate, loaded, served, state_dir):
    served(100, certificate_id="fedcba987654")

    ended = headgate("recertify", loaded.path, "--state-dir", state_dir)

    assert ended.code == 2
    assert "of 0 decisions none is in the uniform sample" in ended.err


def test_a_cascade_without_audits_is_told_to_be_fitted(headgate, fitted, state_dir):
    ended = headgate("recertify", fitted.path, "--state-dir", state_dir)

    assert ended.code == 2
    assert "it asks for no certificate with audits. Fit it with new labels." in ended.err


def test_another_artifact_can_be_certified(headgate, loaded, served, state_dir, tmp_path):
    served(100)
    moved = fit_watched(tmp_path / "moved")
    assert certificate_of(moved) == certificate_of(loaded)

    ended = headgate(
        "recertify",
        loaded.path,
        *("--state-dir", state_dir, "--artifact", moved.artifact, "--quiet"),
    )

    assert ended.code == 0
    assert certificate_of(replace(loaded, artifact=moved.artifact)).n == 100
    assert certificate_of(loaded).n == 80
