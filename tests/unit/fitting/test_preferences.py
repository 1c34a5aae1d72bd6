import json
import os

import pytest

from fakes.planned_questions import CHAIN, NO_PLAN, fit_planned, plan_of, question
from headgate.artifact import Artifact, ArtifactWriter
from headgate.domains.questions.task import LabelledQuestion
from headgate.errors import ArtifactError, InputError
from headgate.fitting.preferences import KIND, export_preferences, planning_stage
from headgate.types import Record

FILES = ["dpo.jsonl", "manifest.json", "plans.jsonl", "sft.jsonl"]


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A fitted cascade with three recorded plans for each of 40 questions."""
    return fit_planned(tmp_path_factory.mktemp("planned"))


def rows(*numbers):
    own = [question(number) for number in numbers]
    return [
        LabelledQuestion(Record(each["id"], {"question": each["question"]}), each["answers"][0])
        for each in own
    ]


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_export_holds_what_there_is_to_learn(planned, tmp_path):
    found = export_preferences(planned, rows(3, 1), output=tmp_path / "out", plans=3)

    sft, dpo, plans = (read(tmp_path / "out" / f"{name}.jsonl") for name in ("sft", "dpo", "plans"))
    whole = question(3)["question"]
    assert sorted(os.listdir(tmp_path / "out")) == FILES
    assert [row["id"] for row in sft] == [row["id"] for row in dpo] == ["q3", "q1"]
    assert sft[0]["messages"][-1] == {"role": "assistant", "content": plan_of(*CHAIN)}
    assert sft[0]["messages"][:-1] == dpo[0]["prompt"]
    assert [message["role"] for message in dpo[0]["prompt"]] == ["system", "user"]
    assert dpo[0]["rejected"] == [{"role": "assistant", "content": plan_of(whole)}]
    assert [(row["id"], row["reward"]) for row in plans[:3]] == [
        ("q3/plan", 1.0),
        ("q3/plan/2", 0.0),
        ("q3/plan/3", 0.0),
    ]
    assert [row["text"] for row in plans[2::3]] == [NO_PLAN, NO_PLAN]
    assert found.counts == {
        "questions": 2,
        "failed": 0,
        "plans": 6,
        "usable": 4,
        "sft": 2,
        "dpo": 2,
    }
    assert found.rewards == {"first": 1.0, "best": 1.0}


def test_all_that_was_asked_is_accounted_for(planned, tmp_path):
    """Three plans; two steps and the conclusion of the chain; the question whole."""
    found = export_preferences(planned, rows(5), output=tmp_path / "out", plans=3)

    assert found.usage.calls == 3 + 3 + 1


def test_the_same_questions_give_the_same_files_and_replace_an_earlier_export(planned, tmp_path):
    contents = []
    for _ in range(2):
        export_preferences(planned, rows(3, 1), output=tmp_path / "out", plans=3)
        contents.append([(tmp_path / "out" / name).read_bytes() for name in FILES])

    assert contents[0] == contents[1]
    assert Artifact.open(tmp_path / "out", kind=KIND).facts["sft"] == 2
    assert os.listdir(tmp_path) == ["out"]


def test_questions_whose_plans_are_not_there_end_the_export_and_leave_nothing(planned, tmp_path):
    """Three plans are recorded, and four are asked for."""
    with pytest.raises(InputError, match="1 of 1 could not be tried") as caught:
        export_preferences(planned, rows(3), output=tmp_path / "out", plans=4)

    assert "record 'q3/plan/4': no answer was recorded for it" in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_an_artifact_of_another_kind_is_not_replaced(planned, tmp_path):
    with ArtifactWriter(tmp_path / "own") as writer:
        writer.finish("cascade", {})

    with pytest.raises(ArtifactError, match="is of the kind 'cascade'"):
        export_preferences(planned, rows(3), output=tmp_path / "own", plans=3)

    assert Artifact.open(tmp_path / "own", kind="cascade")
    assert os.listdir(tmp_path) == ["own"]


def test_the_stage_whose_model_can_learn_is_the_one_whose_plans_are_carried_out(planned):
    assert planning_stage(planned).name == "plan"
