"""What a fit refuses, what it leaves behind then, and what it tells while it works."""

import shutil

import pytest

from fakes.made_up_logs import (
    CHEAP,
    CHEAP_KEEP,
    DECIDE,
    NGRAMS,
    REPLAY,
    make_cascade,
    read_rows,
    rows,
)
from headgate.artifact import Artifact
from headgate.cascade.fitted import read_fitted
from headgate.cascade.load import load_cascade
from headgate.cascade.open import open_engine
from headgate.errors import ArtifactError, InputError
from headgate.fitting.fit import MIN_DEVELOPMENT_ROWS, fit_cascade


@pytest.fixture
def loaded(tmp_path):
    """A small and a large model, in a folder of its own."""
    flow = (CHEAP, CHEAP_KEEP, DECIDE)
    return make_cascade(
        tmp_path / "cascade", "level", models=(NGRAMS, REPLAY), flow=flow, share=0.2
    )


@pytest.fixture
def labelled(loaded):
    return read_rows(loaded, rows("level", range(60)), rows("level", range(200, 240)))


@pytest.fixture(scope="module")
def fitted_once(tmp_path_factory):
    """A fitted cascade whose files tests copy before they change them."""
    folder = tmp_path_factory.mktemp("fitted-once")
    flow = (CHEAP, CHEAP_KEEP, DECIDE)
    loaded = make_cascade(folder, "level", models=(NGRAMS, REPLAY), flow=flow, share=0.2)
    lines = [rows("level", numbers) for numbers in (range(60), range(200, 240))]
    fit_cascade(loaded, read_rows(loaded, *lines))
    return folder


def left_beside(loaded):
    """Return what of a fit lies in the cascade's folder, hidden files too."""
    return sorted(path.name for path in loaded.base_dir.iterdir() if "fitted" in path.name)


# Rows


@pytest.mark.parametrize("count", [0, 1, MIN_DEVELOPMENT_ROWS - 1])
def test_too_few_development_rows_are_refused_with_how_many_there_are(loaded, labelled, count):
    labelled.development[count:] = []

    with pytest.raises(InputError) as caught:
        fit_cascade(loaded, labelled)

    assert caught.value.args == (
        "development rows",
        f"there are {count} that are not training rows",
        "Give at least 20, with --dev or by more labels.",
    )
    assert left_beside(loaded) == []


def test_just_enough_development_rows_are_enough(loaded, labelled):
    labelled.development[MIN_DEVELOPMENT_ROWS:] = []

    assert fit_cascade(loaded, labelled).facts["metrics"]["development_rows"] == 20


def test_training_rows_do_not_count_as_development_rows(loaded, labelled):
    labelled.development[19:] = labelled.train

    with pytest.raises(InputError, match="there are 19 that are not training rows"):
        fit_cascade(loaded, labelled)


def test_training_rows_of_one_label_are_refused_and_nothing_is_left(loaded, labelled):
    labelled.train[:] = [row for row in labelled.train if row.label == "info"]

    with pytest.raises(InputError, match="training labels: 30 rows show 1 different answers"):
        fit_cascade(loaded, labelled)
    assert left_beside(loaded) == []


def test_no_training_rows_are_refused(loaded, labelled):
    labelled.train.clear()

    with pytest.raises(InputError, match="training labels: 0 rows show 0 different answers"):
        fit_cascade(loaded, labelled)


# The place of the artifact


@pytest.fixture
def remote(loaded):
    """The same cascade with its artifact at a URL."""
    path = loaded.base_dir / "cascade.yaml"
    text = path.read_text("utf-8").replace("artifact: fitted", "artifact: s3://bucket/fitted")
    path.write_text(text, "utf-8")
    return load_cascade(path)


def test_an_artifact_at_a_url_is_not_written(remote, labelled):
    with pytest.raises(InputError) as caught:
        fit_cascade(remote, labelled)

    assert caught.value.args == (
        "spec.artifact",
        "a fit writes to a local directory, and this is a URL",
        "Name a directory with --artifact, and copy it there.",
    )


def test_an_artifact_for_a_url_is_written_where_the_caller_says(remote, labelled, tmp_path):
    assert fit_cascade(remote, labelled, output=tmp_path / "local").directory.is_dir()


def test_a_place_that_holds_something_else_is_left_as_it_is(loaded, labelled):
    target = loaded.base_dir / "fitted"
    target.mkdir()
    (target / "diary.txt").write_text("mine", "utf-8")

    with pytest.raises(ArtifactError, match="is there already and is not an artifact"):
        fit_cascade(loaded, labelled)
    assert [path.name for path in target.iterdir()] == ["diary.txt"]


# Interruptions


class PulledThePlugError(Exception):
    """Raised from outside while a fit is at work."""


@pytest.mark.parametrize("interruption", [PulledThePlugError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 1], ids=["before-training", "after-training"])
def test_an_interrupted_fit_leaves_the_older_artifact_and_nothing_else(
    loaded, labelled, at, interruption
):
    older = fit_cascade(loaded, labelled)
    labelled.train.pop()
    told = []

    def interrupt(*step):
        told.append(step)
        if len(told) > at:
            raise interruption

    with pytest.raises(interruption):
        fit_cascade(loaded, labelled, report=interrupt)

    assert Artifact.open(loaded.artifact).revision == older.revision
    assert left_beside(loaded) == ["fitted"]


def test_a_first_fit_that_is_interrupted_leaves_nothing(loaded, labelled):
    def interrupt(*step):
        raise PulledThePlugError

    with pytest.raises(PulledThePlugError):
        fit_cascade(loaded, labelled, report=interrupt)
    assert left_beside(loaded) == []


def test_every_step_that_is_told_of_ends_where_it_said_it_would(loaded, labelled):
    told = []

    fit_cascade(loaded, labelled, report=lambda *step: told.append(step))

    assert told == [("train cheap", 0, 1), ("train cheap", 1, 1)]


# A file that was changed after the fit


@pytest.fixture
def change(fitted_once, tmp_path):
    """Return the fitted cascade with its file changed."""
    folder = shutil.copytree(fitted_once, tmp_path / "changed")

    def replace_and_load(old, new):
        path = folder / "cascade.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        return load_cascade(path)

    return replace_and_load


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "llm_share: 0.2",
            "llm_share: 0.3",
            "another llm_share: 0.2, and the cascade file says 0.3",
            id="share",
        ),
        pytest.param(
            '["info", "error"]',
            "[error, info]",
            "another labels: ['info', 'error'], and the cascade file says ['error', 'info']",
            id="labels",
        ),
        pytest.param(
            "buckets: 1024",
            "buckets: 2048",
            "another models: {'ngram': ['ngrams', 1024]}, "
            "and the cascade file says {'ngram': ['ngrams', 2048]}",
            id="model",
        ),
        pytest.param(
            "operation: level",
            "operation: module",
            "another operation: 'level', and the cascade file says 'module'",
            id="operation",
        ),
    ],
)
def test_a_file_that_says_something_else_than_was_fitted_is_refused(change, old, new, problem):
    loaded = change(old, new)

    with pytest.raises(ArtifactError) as caught:
        open_engine(loaded, {})

    assert caught.value.args == (
        loaded.artifact,
        f"it was fitted for {problem}",
        "Fit it again: headgate fit CASCADE --labels LABELS.",
    )


def test_a_name_and_a_prompt_may_change_after_a_fit(change):
    loaded = change("name: made_up", "name: renamed")
    (loaded.base_dir / "prompts" / "decide.md").write_text("Decide anew.\n", "utf-8")

    renamed = load_cascade(loaded.path)

    assert open_engine(renamed, {}).name == "renamed"
    assert read_fitted(Artifact.open(renamed.artifact), renamed.spec)
