import json

import pytest

from fakes.fitted_parts import write_parts
from fakes.watched_cascade import deferral, fit_watched
from headgate.cascade.load import load_cascade
from headgate.fitting.recertify import certificate_in_service
from headgate.serving.cluster.doctor.artifacts import artifact, certificate, locations


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A cascade with a certificate."""
    return fit_watched(tmp_path_factory.mktemp("certified"))


@pytest.fixture
def own(tmp_path):
    """A certified cascade that a test may change."""
    return fit_watched(tmp_path / "own")


@pytest.fixture
def state(certified, tmp_path):
    """Writes what the watch of the certificate kept, and returns the state directory."""

    def write(text):
        folder = tmp_path / "state" / certified.name
        folder.mkdir(parents=True)
        (folder / f"watch-{certificate_in_service(certified).id}.json").write_text(text)
        return tmp_path / "state"

    return write


def test_a_whole_artifact_is_fine(certified, levels):
    assert levels(artifact(certified)) == ["ok"]


def test_a_missing_artifact_is_fitted(tmp_path):
    loaded = write_parts(tmp_path / "my cascade", artifact="absent")

    (finding,) = artifact(loaded)

    assert finding.level == "error"
    assert finding.mend == f"headgate fit '{loaded.path}' --labels LABELS"


def test_an_altered_artifact_is_an_error(own):
    changed = next(each for each in own.base_dir.glob("**/*.safetensors"))
    changed.write_bytes(changed.read_bytes() + b"x")

    (finding,) = artifact(own)

    assert finding.level == "error"
    assert changed.name in finding.what


def test_an_artifact_of_another_file_is_an_error_and_its_certificate_is_not_spoken_of(
    own, tmp_path
):
    own.path.write_text(own.path.read_text().replace("buckets: ", "buckets: 1"))
    loaded = load_cascade(own.path)

    (finding,) = artifact(loaded)

    assert "it was fitted for another models" in finding.what
    assert certificate(loaded, tmp_path) == []


def test_a_certificate_that_holds_is_told(certified, tmp_path):
    (finding,) = certificate(certified, tmp_path)

    assert finding.level == "ok"
    assert "at most 10% of all answers differ" in finding.what


def test_a_certificate_on_another_prompt_is_dead(own, tmp_path):
    prompt = next(own.base_dir.glob("*.md"), None) or next(own.base_dir.glob("**/*.md"))
    prompt.write_text("Something else is asked.")

    (finding,) = certificate(load_cascade(own.path), tmp_path)

    assert finding.level == "error"
    assert "is of something else: prompt of " in finding.what
    assert finding.mend == f"headgate fit {own.path} --labels LABELS"


def test_too_few_labels_are_a_warning(tmp_path):
    loaded = fit_watched(tmp_path / "few", deferral(), development=20)

    (finding,) = certificate(loaded, tmp_path)

    assert finding.level == "warning"
    assert "is not certified: " in finding.what


def test_a_cascade_that_asks_for_no_certificate_is_fine(tmp_path, levels):
    loaded = fit_watched(tmp_path / "plain", "{score: max_prob, budget: {llm_share: 0.5}}")

    assert levels(certificate(loaded, tmp_path)) == ["ok"]


@pytest.mark.parametrize(
    ("after", "level"), [("void", "error"), ("suspect", "warning"), (None, "ok")]
)
def test_what_the_watch_saw_is_told_with_the_command(certified, state, after, level):
    changes = [{"after": "suspect"}, {"after": after}] if after else []
    folder = state(json.dumps({"changes": changes}))

    (finding,) = certificate(certified, folder)

    assert finding.level == level
    if after:
        assert finding.mend == f"headgate recertify {certified.path} --state-dir {folder}"


@pytest.mark.parametrize("text", ["", "[]", '{"changes": [1]}', "{", '{"changes": [{}]}'])
def test_a_damaged_state_is_an_error(certified, state, text):
    (finding,) = certificate(certified, state(text))

    assert finding.level == "error"
    assert "cannot be read" in finding.what


def test_paths_of_one_machine_are_a_warning_on_two_nodes(certified):
    (finding,) = locations(certified, nodes=2)

    assert finding.level == "warning"
    assert certified.artifact in finding.what
    assert "2 nodes need it" in finding.what


def test_paths_are_fine_on_one_node(certified):
    assert locations(certified, nodes=1) == []
