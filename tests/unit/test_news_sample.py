"""The sample of news advising holds together: texts, labels and recorded opinions."""

import json
from collections import Counter
from pathlib import Path

import pytest

from headgate.domains.rows import masked
from headgate.lm.advise import AdviceRequest

CASCADE = Path(__file__).parents[2] / "cascades" / "news_advising"
LABELS = ("real", "fake")
SPLITS = {"train": (88, 72), "dev": (110, 90), "test": (32, 28)}
PERSPECTIVES = ("textual_description", "commonsense")
SHORT = 16
"""Words below which a text is one of the short, sober sentences."""


def rows_of(name):
    lines = (CASCADE / "sample" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def without_repeats(values):
    return [value for value, count in Counter(values).items() if count > 1] == []


@pytest.fixture(scope="module")
def texts():
    """The rows of each split."""
    return {split: rows_of(f"{split}.jsonl") for split in SPLITS}


@pytest.fixture(scope="module")
def rows(texts):
    """All rows."""
    return [row for split in texts.values() for row in split]


@pytest.fixture(scope="module")
def recordings():
    return rows_of("recordings.jsonl")


@pytest.fixture(scope="module")
def opinions(recordings):
    """What is advised, as it is read from the recorded answers, by id."""
    asked = AdviceRequest("", "", "", "", LABELS)
    return {each["id"]: asked.parse(each["answer"]) for each in recordings}


def right(row, opinions, perspective):
    """Return whether an opinion is on the side of the label."""
    fake = opinions[f"{row['id']}/{perspective}"].probability > 0.5
    return fake == (row["label"] == "fake")


def test_splits_have_the_labels_that_are_told(texts):
    for split, counts in SPLITS.items():
        found = Counter(row["label"] for row in texts[split])

        assert (found["real"], found["fake"]) == counts
        assert set(found) == set(LABELS)


def test_rows_are_short_texts_with_a_context_at_times(rows):
    assert without_repeats([row["id"] for row in rows])
    for row in rows:
        assert {"id", "text", "label"} <= set(row) <= {"id", "text", "context", "label"}
        assert 5 <= len(row["text"].split()) <= 40, row["id"]
        assert row["text"] == row["text"].strip()
        assert row.get("context", "somebody").strip()
    assert sum("context" in row for row in rows) == 310


def test_no_text_is_there_twice_nor_again_with_other_numbers(rows):
    assert without_repeats([masked(row["text"]).casefold() for row in rows])


def test_the_context_does_not_give_the_label_away(rows):
    """Whoever knew the more frequent label of each context would still be wrong on a fifth."""
    labels = {}
    for row in rows:
        labels.setdefault(row.get("context"), Counter())[row["label"]] += 1
    known = sum(max(found.values()) for found in labels.values())

    assert labels[None] == {"real": 57, "fake": 53}
    assert known / len(rows) < 0.8


def test_each_row_has_one_opinion_a_perspective(rows, recordings):
    ids = [each["id"] for each in recordings]

    assert without_repeats(ids)
    assert set(ids) == {f"{row['id']}/{each}" for row in rows for each in PERSPECTIVES}
    for each in recordings:
        assert set(each) == {"id", "answer", "input_tokens", "output_tokens"}
        assert each["input_tokens"] > each["output_tokens"] > 0


def test_opinions_are_read_with_a_reason_and_take_a_side(opinions):
    for own, opinion in opinions.items():
        assert 0 < opinion.probability < 1
        assert opinion.probability != 0.5, own
        assert 15 <= len(opinion.rationale) <= 200, own
        assert opinion.rationale.endswith(".")


def test_the_rationales_are_written_for_their_texts(opinions):
    """A few short ones are there twice."""
    repeated = len(opinions) - len({opinion.rationale for opinion in opinions.values()})

    assert repeated <= 5


@pytest.mark.parametrize(
    ("perspective", "counts"),
    [
        ("textual_description", {"train": 119, "dev": 149, "test": 44}),
        ("commonsense", {"train": 131, "dev": 163, "test": 49}),
    ],
)
def test_opinions_are_right_as_often_as_is_told(perspective, counts, texts, opinions):
    for split, rows in texts.items():
        assert sum(right(row, opinions, perspective) for row in rows) == counts[split], split


def test_the_perspectives_are_wrong_on_other_rows(texts, opinions):
    neither = {
        split: sum(not any(right(row, opinions, each) for each in PERSPECTIVES) for row in rows)
        for split, rows in texts.items()
    }

    assert neither == {"train": 10, "dev": 12, "test": 4}


def test_how_a_text_is_written_tells_little_of_short_ones(rows, opinions):
    """So a network can see in the text which of the views to trust."""
    shares = {}
    for short in (True, False):
        found = [row for row in rows if (len(row["text"].split()) < SHORT) == short]
        shares[short] = [
            sum(right(row, opinions, each) for row in found) / len(found) for each in PERSPECTIVES
        ]

    assert shares[True] == pytest.approx([0.5, 0.851], abs=1e-3)
    assert shares[False] == pytest.approx([0.857, 0.801], abs=1e-3)


def test_probabilities_rise_with_the_share_of_fakes(rows, opinions):
    fake = {row["id"]: row["label"] == "fake" for row in rows}
    for perspective in PERSPECTIVES:
        said = sorted((opinions[f"{own}/{perspective}"].probability, fake[own]) for own in fake)
        thirds = [said[:140], said[140:280], said[280:]]
        shares = [sum(label for _, label in third) / 140 for third in thirds]

        assert shares[0] < 0.2 < shares[1] < 0.7 < shares[2]


def test_the_prompts_are_those_that_the_recordings_answer():
    assert {path.stem for path in (CASCADE / "prompts").iterdir()} == set(PERSPECTIVES)
