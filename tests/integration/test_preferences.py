"""The preference export, on the sample whose plans a language model makes."""

import json

import pytest

from fakes.sample_questions import SAMPLE, fit_questions
from headgate.cascade.assemble import task_of
from headgate.domains.tasks import read_labels
from headgate.fitting.preferences import export_preferences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def exported(embedded_int8, tmp_path_factory):
    """The directory of an export of three plans a question."""
    del embedded_int8
    folder = tmp_path_factory.mktemp("preferences")
    loaded = fit_questions(folder / "cascade", "planned.yaml")
    rows = read_labels(SAMPLE / "sample" / "train.jsonl", task_of(loaded))[:40]
    export_preferences(loaded, rows, output=folder / "out", plans=3)
    return folder / "out"


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_plan_that_was_tried_is_told_and_malformed_ones_earn_nothing(exported):
    plans = rows_of(exported / "plans.jsonl")

    assert len(plans) == 3 * 40
    assert {plan["reward"] for plan in plans if not plan["usable"]} == {0.0}
    assert any(not plan["usable"] for plan in plans)


def test_pairs_prefer_the_plan_of_the_higher_reward(exported):
    pairs = rows_of(exported / "dpo.jsonl")

    assert pairs
    assert all(pair["chosen_reward"] > pair["rejected_reward"] for pair in pairs)
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)


def test_examples_are_plans_that_led_to_right_answers(exported):
    examples = rows_of(exported / "sft.jsonl")

    assert examples
    assert all(example["reward"] >= 0.5 for example in examples)
    assert all("steps" in json.loads(example["messages"][-1]["content"]) for example in examples)
