from contextlib import closing
from pathlib import Path

import pytest

from fakes.watched_cascade import EPSILON, deferral, fit_watched, rescored
from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.errors import ArtifactError, LmRefusedError
from headgate.gate.audit import AuditPlan
from headgate.serving.assignments import LARGEST_ALARM_EPSILON, watched_of
from headgate.serving.watcher import Watcher


def watched_by(loaded, environment=None):
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    return watched_of(loaded, artifact, open_engine(loaded, {}), environment or {})


def certificate_of(loaded):
    return read_fitted(Artifact.open(loaded.artifact, kind=KIND), loaded.spec).certificate


def with_file(loaded, old, new):
    """Return the cascade with a changed file, beside the same artifact."""
    content = loaded.path.read_text(encoding="utf-8")
    assert old in content
    loaded.path.write_text(content.replace(old, new), encoding="utf-8")
    return load_cascade(loaded.path)


def test_what_is_watched_is_what_file_and_certificate_say(tmp_path):
    stated = deferral(audits="{share: 0.02, max_share: 0.3}")
    stated = stated.replace("}}", "}, monitor: {alpha: 0.001, score_drift: false}}")
    loaded = fit_watched(tmp_path, stated)

    watched = watched_by(loaded)

    settings = watched.assignment.settings
    assert settings.certificate_id == certificate_of(loaded).id
    assert settings.risk_epsilon == EPSILON
    assert (settings.risk_alpha, settings.score_alpha) == (0.001, 0.001)
    assert (settings.score_drift, settings.selective, settings.signed) == (False, False, False)
    assert settings.audits == AuditPlan(0.02, 0.3)
    assert len(watched.assignment.reference_scores) == 80
    assert watched.key == b""
    assert watched.engine.name == "made_up"


def test_a_watcher_takes_it_up(watched, tmp_path):
    with closing(Watcher(str(tmp_path))) as watcher:
        status = watcher.assign(watched_by(watched).assignment)

    assert status.certificate_id == certificate_of(watched).id


def test_a_certificate_of_kept_answers_is_watched_as_such(tmp_path):
    """Its alarm is raised beyond what the rows show of disagreement: none of 84 kept ones."""
    loaded = fit_watched(tmp_path, deferral("selective"), development=120)

    settings = watched_by(loaded).assignment.settings

    assert settings.selective
    assert settings.risk_epsilon == certificate_of(loaded).alarm_epsilon < EPSILON


def test_decisions_are_logged_under_a_certificate_that_proves_nothing_yet(tmp_path):
    """They are what will prove it; 28 rows do not."""
    loaded = fit_watched(tmp_path, development=28)

    settings = watched_by(loaded).assignment.settings

    assert not certificate_of(loaded).certified
    assert settings.certificate_id == certificate_of(loaded).id
    assert 0 < settings.risk_epsilon <= LARGEST_ALARM_EPSILON


def test_without_audits_or_a_certificate_nothing_is_watched(parts, tmp_path):
    assert watched_by(parts) is None
    assert watched_by(fit_watched(tmp_path, deferral(audits=""))) is None


def test_the_key_of_the_coins_is_where_the_file_says(tmp_path):
    loaded = fit_watched(tmp_path, deferral(audits="{key: {env: HEADGATE_TEST_AUDIT_KEY}}"))

    assert watched_by(loaded, {"HEADGATE_TEST_AUDIT_KEY": "secret\n"}).key == b"secret"
    with pytest.raises(LmRefusedError, match="HEADGATE_TEST_AUDIT_KEY: it holds no key"):
        watched_by(loaded)


def test_an_artifact_of_a_fit_without_audits_is_refused(watched, tmp_path):
    with pytest.raises(ArtifactError, match="fitted without audits"):
        watched_by(rescored(watched, tmp_path, None))


@pytest.mark.parametrize("scores", [[], {}, "0.5", [0.5, "0.5"], [1], [[0.5]], [True]])
def test_scores_that_are_none_are_refused(watched, tmp_path, scores):
    with pytest.raises(ArtifactError, match="it holds no scores"):
        watched_by(rescored(watched, tmp_path, scores))


@pytest.mark.parametrize(
    ("changed", "development"),
    [
        pytest.param("prompt", 80, id="another-prompt"),
        pytest.param("model", 80, id="another-large-model"),
        pytest.param("prompt", 28, id="another-prompt-not-certified"),
    ],
)
def test_what_other_files_answer_is_not_logged_under_the_certificate(
    tmp_path, changed, development
):
    """It would certify anew what it says nothing about."""
    loaded = fit_watched(tmp_path, development=development)
    if changed == "prompt":
        (Path(loaded.base_dir) / "prompts" / "decide.md").write_text("Decide otherwise.\n")
        other = load_cascade(loaded.path)
    else:
        other = with_file(loaded, "engine: replay,", "engine: replay, model: another,")

    own, logged = certificate_of(other).id, watched_by(other).assignment.settings.certificate_id

    assert logged.startswith(f"{own}-")
    assert logged == watched_by(other).assignment.settings.certificate_id
