import os

import pytest

from fakes.planned_questions import fit_planned, question, write_planned
from headgate.cli.output import Output

SPLITTER = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: spans}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models:
    splitter: {kind: splitter, decompositions: decompositions.jsonl}
    slm: {kind: lm, engine: replay, recordings: slm.jsonl}
  flow:
    - {name: recall, kind: read, model: slm, prompt: prompt.md}
    - {name: known, kind: gate, of: recall}
    - {name: plan, kind: decompose, model: splitter}
    - name: steps
      kind: for_each
      of: plan
      flow: [{name: answer, kind: read, model: slm, prompt: prompt.md}]
    - {name: final, kind: synthesise, model: slm, prompt: prompt.md, of: steps}
"""
READ = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: unplanned}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models: {slm: {kind: lm, engine: replay, recordings: slm.jsonl}}
  flow: [{name: recall, kind: read, model: slm, prompt: prompt.md}]
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A fitted cascade with three recorded plans for each of 40 questions."""
    return fit_planned(tmp_path_factory.mktemp("planned"))


@pytest.fixture
def labels(rows):
    return rows(*map(question, range(4)), name="labels.jsonl")


@pytest.fixture
def export(headgate, labels, tmp_path):
    """Runs the verb with three plans into the directory "out", or as the options say."""

    def command(path, *options, labels=labels):
        line = ("preferences", path, "--labels", labels, "--output", tmp_path / "out")
        ended = headgate(*line, "--plans", "3", *options)
        assert "Traceback" not in ended.err
        return ended

    return command


def test_an_export_shows_its_figures(export, planned, tmp_path):
    ended = export(planned.path)

    shown = {line[:30].strip(): line[30:].strip() for line in ended.out.splitlines()}
    assert ended.code == 0
    assert ended.err.splitlines()[0] == (
        f"trying 3 plans of 4 questions with planned -> {tmp_path / 'out'}"
    )
    assert "answers to steps are recorded ones" in ended.err.splitlines()[1]
    assert shown == {
        "preferences": str(tmp_path / "out"),
        "questions": "4",
        "not tried": "0",
        "plans, usable ones": "12, 8",
        "mean reward of the first plan": "1.000",
        "mean reward of the best plan": "1.000",
        "rows of sft.jsonl": "4",
        "rows of dpo.jsonl": "4",
        "calls": "28",
    }


def test_json_has_the_figures_as_numbers_and_the_limit_counts(export, planned, tmp_path):
    ended = export(planned.path, "--limit", 1, "--output-format", Output.JSON, "--quiet")

    found = ended.data
    assert (ended.code, ended.err) == (0, "")
    assert found.pop("input_tokens") > found.pop("output_tokens") > 0
    assert found == {
        "questions": 1,
        "failed": 0,
        "plans": 3,
        "usable": 2,
        "sft": 1,
        "dpo": 1,
        "mean_reward": {"first": 1.0, "best": 1.0},
        "calls": 7,
        "tokens_estimated": True,
        "cost_usd": None,
        "output": str(tmp_path / "out"),
    }


def test_a_question_that_cannot_be_tried_is_counted_and_named(export, planned, rows):
    labels = rows(*map(question, range(9)), {**question(40), "id": "new"}, name="labels.jsonl")

    ended = export(planned.path, labels=labels)

    assert ended.code == 0
    assert "questions not tried: 1, the first: record 'new/plan'" in ended.err


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(SPLITTER, "its model 'splitter' is a splitter", id="splitter"),
        pytest.param(READ, "it does not answer questions by steps", id="no-plan"),
    ],
)
def test_a_cascade_without_plans_of_a_language_model_is_refused(export, tmp_path, content, problem):
    loaded = write_planned(tmp_path / "other", [1])
    (loaded.base_dir / "decompositions.jsonl").write_text('{"question": "a", "steps": ["a"]}\n')
    (loaded.base_dir / "cascade.yaml").write_text(content)

    ended = export(loaded.path)

    assert (ended.code, ended.out) == (2, "")
    assert problem in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not os.path.exists(tmp_path / "out")


def test_a_cascade_of_logs_is_refused_before_its_rows_are_read(export, fitted, tmp_path):
    ended = export(fitted.path, labels=tmp_path / "none.jsonl")

    assert ended.code == 2
    assert "cascade 'parts': it does not answer questions by steps" in ended.err


def test_a_cascade_that_is_not_fitted_is_refused(export, tmp_path):
    ended = export(write_planned(tmp_path / "new", [1]).path)

    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith(f"headgate: {tmp_path}/new/fitted: ")
    assert not os.path.exists(tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"question": "When?"}, "'answers' is missing", id="no-answers"),
        pytest.param({"answers": ["1901"]}, "'question'", id="no-question"),
        pytest.param(
            {"question": "When?", "answers": []}, "'answers' is no list of texts", id="none-right"
        ),
    ],
)
def test_a_wrong_row_is_named_by_its_line(export, planned, rows, tmp_path, row, problem):
    labels = rows(question(1), row, name="labels.jsonl")

    ended = export(planned.path, labels=labels)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"headgate: {labels}:2: ")
    assert problem in ended.err
    assert not os.path.exists(tmp_path / "out")


def test_labels_that_are_not_there_are_named(export, planned, tmp_path):
    ended = export(planned.path, labels=tmp_path / "none.jsonl")

    assert ended.code == 2
    assert ended.err.startswith(f"headgate: {tmp_path}/none.jsonl: the file cannot be read")


@pytest.mark.parametrize("option", [("--plans", "1"), ("--plans", "101"), ("--limit", "0")])
def test_too_few_or_too_many_are_refused(export, planned, option):
    ended = export(planned.path, *option)

    assert ended.code == 2
    assert f"Invalid value for '{option[0]}'" in ended.err


def test_a_place_that_holds_something_else_is_not_overwritten(export, planned, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")

    ended = export(planned.path)

    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith(f"headgate: {tmp_path / 'out'}: ")
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]
