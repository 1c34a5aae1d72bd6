"""The sample of question answering holds together: corpus, questions, steps, recorded answers."""

import json
from collections import Counter
from pathlib import Path

import pytest

from headgate.domains.questions.answers import NO_ANSWER, exact_match, normalise
from headgate.domains.questions.plan import parse_plan, validated
from headgate.domains.questions.titles import Titles
from headgate.domains.rows import masked
from headgate.errors import InputError
from headgate.fitting.splitter import DecomposedQuestion, label_question
from headgate.models.splitter import MOST_STEPS, Kind
from headgate.types import PlanStep

SAMPLE = Path(__file__).parents[2] / "cascades" / "question_answering" / "sample"
SPLITS = {"train": 80, "dev": 200, "test": 60}
ABSTENTIONS = {"", "unknown", "not in the passages"}
STEPS = range(1, MOST_STEPS + 1)


def rows_of(name):
    lines = (SAMPLE / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def without_repeats(values):
    return [value for value, count in Counter(values).items() if count > 1] == []


def answer_of(recording):
    """The answer in a recording, as text, with our words for none."""
    answer = json.loads(recording["answer"])["answer"]
    said = ", ".join(answer) if isinstance(answer, list) else answer
    return NO_ANSWER if said in ABSTENTIONS else said


def usable(text):
    """Return whether a recorded plan can be carried out."""
    try:
        if not text.startswith("{"):
            return bool(parse_plan(text).steps)
        steps = json.loads(text)["steps"]
        return bool(validated([step_of(step, at) for at, step in enumerate(steps, 1)]).steps)
    except (ValueError, InputError):
        return False


def step_of(step, number):
    return PlanStep(number, step["question"], step["needs_context"])


@pytest.fixture(scope="module")
def corpus():
    return rows_of("corpus.jsonl")


@pytest.fixture(scope="module")
def questions():
    """The rows of each split."""
    return {split: rows_of(f"{split}.jsonl") for split in SPLITS}


@pytest.fixture(scope="module")
def asked(questions):
    """All questions by id."""
    return {row["id"]: row for rows in questions.values() for row in rows}


@pytest.fixture(scope="module")
def decompositions():
    return rows_of("decompositions.jsonl")


@pytest.fixture(scope="module")
def recordings():
    """The recorded answers of each file, by id."""
    files = {name: rows_of(f"{name}.jsonl") for name in ("recall", "slm", "llm", "plans")}
    for rows in files.values():
        assert without_repeats([row["id"] for row in rows])
    return {name: {row["id"]: row for row in rows} for name, rows in files.items()}


def test_passages_are_short_and_of_one_title_each(corpus):
    assert len(corpus) == 267
    assert without_repeats([row["id"] for row in corpus])
    assert without_repeats([row["title"] for row in corpus])
    for row in corpus:
        assert set(row) == {"id", "title", "text"}
        assert 40 <= len(row["text"].split()) <= 110, row["id"]


def test_nearly_every_passage_names_another(corpus):
    titles = Titles({row["id"]: row["title"] for row in corpus})
    linked = [set(titles.named_in(row["text"])) - {row["id"]} for row in corpus]

    assert sum(map(bool, linked)) >= 260


def test_questions_have_answers_and_ids_of_their_own(questions, asked):
    assert {split: len(rows) for split, rows in questions.items()} == SPLITS
    assert len(asked) == sum(SPLITS.values())
    for row in asked.values():
        assert set(row) == {"id", "question", "answers"}
        assert row["answers"]
        assert all(row["answers"])
        assert row["question"].endswith("?")


def test_no_question_is_asked_twice_nor_again_with_another_number(asked):
    assert without_repeats([masked(row["question"]) for row in asked.values()])


def test_the_corpus_answers_all_questions_but_those_without_an_answer(asked, corpus):
    dash = "\u2013"  # between years of birth and death; it would make one word of them
    told = normalise(
        " | ".join(f"{row['title']} | {row['text']}" for row in corpus).replace(dash, " ")
    )
    without = [row for row in asked.values() if row["answers"] == [NO_ANSWER]]
    open_ones = [
        row
        for row in asked.values()
        if row not in without and row["answers"][0] not in ("yes", "no")
    ]

    assert len(without) == 17
    for row in open_ones:
        assert any(f" {normalise(each)} " in told for each in row["answers"]), row["id"]


def test_yes_and_no_are_as_frequent(asked):
    said = Counter(row["answers"][0] for row in asked.values())

    assert said["yes"] >= 8
    assert abs(said["yes"] - said["no"]) <= 4


def test_decomposed_questions_are_not_those_that_are_evaluated(decompositions, questions):
    texts = [row["question"] for row in decompositions]

    assert without_repeats(texts)
    assert not set(texts) & {
        row["question"] for split in ("dev", "test") for row in questions[split]
    }


@pytest.mark.slow
def test_decompositions_are_plans_that_were_cut_from_their_questions(decompositions):
    kinds = Counter()
    for row in decompositions:
        plan = validated([PlanStep(at, text) for at, text in enumerate(row["steps"], 1)])
        label = label_question(DecomposedQuestion(row["question"], tuple(row["steps"])))

        assert set(row) == {"question", "steps"}
        assert len(plan.steps) <= MOST_STEPS
        assert label is not None, row["question"]
        kinds[label.kind] += 1
    assert kinds == {Kind.WHOLE: 36, Kind.CHAIN: 77, Kind.COMPARISON: 23}


def test_everything_that_can_be_asked_was_recorded(asked, recordings):
    ids = list(asked)
    steps = [f"{each}#{step}" for each in ids for step in STEPS]
    further = [f"{each}/plan/{at}" for each in ids if each.startswith("train") for at in (2, 3)]

    assert set(recordings["recall"]) == set(ids)
    assert set(recordings["slm"]) == {*ids, *steps}
    assert set(recordings["llm"]) == {
        *(f"{step}/{what}" for step in steps for what in ("check", "wide")),
        *(f"{each}/answer" for each in ids),
    }
    assert set(recordings["plans"]) == {*(f"{each}/plan" for each in ids), *further}


def test_recorded_answers_are_of_the_form_that_is_asked_for(recordings):
    for name, rows in recordings.items():
        for row in rows.values():
            assert row["input_tokens"] > 0
            assert row["output_tokens"] > 0
            if name == "plans":
                continue
            answer, what = json.loads(row["answer"]), row["id"].rpartition("/")[2]
            if what == "check":
                assert set(answer) == {"reason", "supported"}
                continue
            assert -2.5 < row["log_prob"] < 0
            closed = name == "recall" or what == "answer"
            assert set(answer) == ({"answer"} if closed else {"answer", "passages"})
            assert set(answer.get("passages", [])) <= {1, 2, 3}


@pytest.mark.parametrize(
    ("name", "suffix", "right"),
    [
        ("recall", "", {"train": 20, "dev": 46, "test": 13}),
        ("slm", "", {"train": 57, "dev": 140, "test": 41}),
        ("llm", "/answer", {"train": 68, "dev": 165, "test": 51}),
    ],
)
def test_recorded_answers_are_right_as_often_as_is_told(name, suffix, right, questions, recordings):
    for split, rows in questions.items():
        said = [answer_of(recordings[name][f"{row['id']}{suffix}"]) for row in rows]
        told = sum(
            exact_match(answer, row["answers"]) for answer, row in zip(said, rows, strict=True)
        )

        assert told == right[split], split


def test_log_probabilities_tell_right_from_wrong_often_but_not_always(asked, recordings):
    """The share of pairs of a right and a wrong answer in which the right one is more probable."""
    right, wrong = [], []
    for each, row in asked.items():
        recording = recordings["slm"][each]
        fits = exact_match(answer_of(recording), row["answers"])
        (right if fits else wrong).append(recording["log_prob"])
    ahead = sum(one > other for one in right for other in wrong)

    assert 0.8 <= ahead / (len(right) * len(wrong)) <= 0.95


def test_some_recorded_plans_cannot_be_carried_out(recordings):
    unusable = [row["id"] for row in recordings["plans"].values() if not usable(row["answer"])]

    assert len(recordings["plans"]) == 500
    assert len(unusable) == 35
