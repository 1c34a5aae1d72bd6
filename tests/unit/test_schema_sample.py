"""The sample of schema matching holds together: tables, matches, answers and other names."""

import json
from collections import Counter
from pathlib import Path

import pytest

from headgate.domains.schemas.tables import read_table

SAMPLE = Path(__file__).parents[2] / "cascades" / "schema_matching" / "sample"
SPLITS = ("train", "dev", "test")
LEAST_SCORE = 0.5
"""Below it a large model rather says that nothing fits."""


def rows_of(name):
    lines = (SAMPLE / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def table_at(path):
    return read_table((SAMPLE / path).read_bytes(), Path(path).stem, place=path)


def without_repeats(values):
    return [value for value, count in Counter(values).items() if count > 1] == []


def plain(name):
    return "".join(char for char in name.casefold() if char.isalnum())


@pytest.fixture(scope="module")
def pairs():
    """The rows of each split."""
    return {split: rows_of(f"{split}.jsonl") for split in SPLITS}


@pytest.fixture(scope="module")
def columns(pairs):
    """The source columns of each split, as the ids of their recordings, with their matches."""
    return {
        split: {
            f"{row['id']}/{own}": row["matches"].get(own, [])
            for row in rows
            for own in table_at(row["source"]).ids
        }
        for split, rows in pairs.items()
    }


@pytest.fixture(scope="module")
def target():
    return table_at("target.json")


@pytest.fixture(scope="module")
def recordings():
    return rows_of("recordings.jsonl")


def matches_of(recording):
    return json.loads(recording["answer"])["matches"]


def test_every_match_names_columns_that_are_there(pairs, target):
    for row in [row for rows in pairs.values() for row in rows]:
        source = table_at(row["source"])

        assert set(row) == {"id", "source", "target", "matches"}
        assert row["target"] == "target.json"
        assert row["matches"].keys() <= set(source.ids), row["id"]
        for targets in row["matches"].values():
            assert targets
            assert without_repeats(targets)
            assert set(targets) <= set(target.ids), row["id"]


def test_no_table_is_in_two_rows_and_each_file_is_in_one(pairs):
    rows = [row for split in SPLITS for row in pairs[split]]

    assert without_repeats([row["id"] for row in rows])
    assert without_repeats([row["source"] for row in rows])
    found = {f"tables/{path.name}" for path in (SAMPLE / "tables").iterdir()}
    assert {row["source"] for row in rows} == found
    assert without_repeats([(SAMPLE / row["source"]).read_bytes() for row in rows])


def test_tables_are_small_and_read_as_they_are(pairs):
    for row in [row for rows in pairs.values() for row in rows]:
        table = table_at(row["source"])

        assert 8 <= len(table.columns) <= 20, row["id"]
        assert all(8 <= column.rows <= 30 for column in table.columns), row["id"]
        assert table.notes == (), row["id"]


def test_there_are_enough_columns_to_certify_and_enough_that_match_nothing(columns):
    assert {split: len(found) for split, found in columns.items()} == {
        "train": 75,
        "dev": 194,
        "test": 78,
    }
    for found in columns.values():
        unmatched = sum(not targets for targets in found.values()) / len(found)

        assert 0.25 <= unmatched <= 0.30


def test_awkward_columns_are_there(pairs):
    """Two of one name, one without a name, some without values, some with two right targets."""
    ids = {f"{row['id']}/{own}" for row in pairs["dev"] for own in row["matches"]}
    feed = table_at("tables/gauge_feed.csv")
    targets = [each for rows in pairs.values() for row in rows for each in row["matches"].values()]

    assert {"weir_book/Inspection", "weir_book/Inspection#2", "weir_book/column 13"} <= ids
    assert [column.name for column in feed.columns if not column.values] == ["snow_cm", "rsv"]
    assert sum(len(each) == 2 for each in targets) == 5


def test_the_true_matches_of_a_table_can_be_one_to_one(pairs):
    for row in [row for rows in pairs.values() for row in rows]:
        assert without_repeats([targets[0] for targets in row["matches"].values()]), row["id"]


def test_the_dictionary_describes_each_of_its_columns_once(target):
    assert len(target.columns) == 145
    assert all(column.description.endswith(".") for column in target.columns)
    assert without_repeats([column.description for column in target.columns])


def test_every_source_column_has_one_recorded_answer(columns, recordings):
    ids = [row["id"] for row in recordings]

    assert without_repeats(ids)
    assert set(ids) == {own for found in columns.values() for own in found}


def test_recorded_answers_name_target_columns_with_scores_from_best_to_worst(recordings, target):
    for row in recordings:
        matches = matches_of(row)
        scores = [match["score"] for match in matches]

        assert all(set(match) == {"id", "score"} for match in matches)
        assert without_repeats([match["id"] for match in matches]), row["id"]
        assert {match["id"] for match in matches} <= set(target.ids), row["id"]
        assert scores == sorted(scores, reverse=True), row["id"]
        assert all(0 < score < 1 for score in scores), row["id"]
        assert row["input_tokens"] > 0
        assert row["output_tokens"] > 0


@pytest.mark.parametrize(("split", "right"), [("train", 71), ("dev", 181), ("test", 73)])
def test_recorded_answers_are_right_as_often_as_is_told(split, right, columns, recordings):
    found = columns[split]
    told = 0
    for row in recordings:
        if row["id"] not in found:
            continue
        best = [each["id"] for each in matches_of(row)[:1] if each["score"] >= LEAST_SCORE]
        told += best[0] in found[row["id"]] if best else not found[row["id"]]

    assert told == right
    assert 0.92 <= told / len(found) <= 0.96


def test_other_names_are_written_for_each_target_column_and_are_new(target):
    rows = rows_of("augmentation.jsonl")

    assert [row["column"] for row in rows] == list(target.ids)
    for row in rows:
        assert len(set(row["names"])) == 3
        assert 4 <= len(set(row["values"])) <= 6
        assert not set(row["names"]) & set(target.ids), row["column"]


def test_other_names_do_not_give_the_source_columns_away(pairs):
    """A few plain words are the same by chance."""
    other = {
        row["column"]: {plain(name) for name in row["names"]}
        for row in rows_of("augmentation.jsonl")
    }
    matches = [each for rows in pairs.values() for row in rows for each in row["matches"].items()]
    same = [own for own, targets in matches if any(plain(own) in other[each] for each in targets)]

    assert len(same) / len(matches) < 0.03
