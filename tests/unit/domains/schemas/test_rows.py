"""Rows that name two tables, and what is known of each source column."""

import json

import pytest

from headgate.domains.rows import read_records, template_of, unit_of
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.domains.schemas.match_task import TableTask
from headgate.domains.schemas.rows import read_labelled_tables
from headgate.errors import InputError

TASK = TableTask()
SOURCE = "code,town,note\n1,Kiel,dry\n2,Jena,wet\n"
TARGET = {"place": {"values": ["Kiel"]}, "key": {"values": []}, "id": {"description": "A key."}}


@pytest.fixture
def write(tmp_path):
    """Writes rows, and returns their file."""

    def written(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return path

    return written


def row(**changes):
    whole = {"id": "t", "source": SOURCE, "target": TARGET, "matches": {"town": ["place"]}}
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def labels(path):
    return {each.record.id: (each.label, *each.also) for each in read_labelled_tables(path, TASK)}


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_labelled_tables(path, TASK)
    return caught.value


def test_each_column_of_a_source_is_a_labelled_row(write):
    path = write(row(matches={"code": ["key", "id"], "town": ["place"]}))

    assert labels(path) == {
        "t/code": ("key", "id"),
        "t/town": ("place",),
        "t/note": (NO_MATCH,),
    }


def test_a_target_may_be_written_without_a_list_and_twice(write):
    assert labels(write(row(matches={"town": "place", "code": ["key", "id", "key"]}))) == {
        "t/code": ("key", "id"),
        "t/town": ("place",),
        "t/note": (NO_MATCH,),
    }


@pytest.mark.parametrize("nothing", [[], None])
def test_a_column_may_be_said_to_match_nothing(nothing, write):
    assert labels(write(row(matches={"town": nothing})))["t/town"] == (NO_MATCH,)


def test_a_row_without_an_id_has_the_number_of_its_line(write):
    path = write(row(), row(id=...))

    assert [each.record.id for each in read_labelled_tables(path, TASK)][3:] == [
        "2/code",
        "2/town",
        "2/note",
    ]


def test_columns_of_one_name_and_of_none_are_told_apart(write):
    path = write(row(source="a,a,\n1,2,3\n", matches={"a#2": ["key"], "column 3": ["id"]}))

    assert labels(path) == {"t/a": (NO_MATCH,), "t/a#2": ("key",), "t/column 3": ("id",)}


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(TARGET, id="an-object"),
        pytest.param([{"name": name, **of} for name, of in TARGET.items()], id="a-list"),
        pytest.param(json.dumps(TARGET), id="json-as-text"),
        pytest.param("place,key,id\nKiel,,\n", id="csv-as-text"),
        pytest.param("place,key,id", id="a-header-alone"),
        pytest.param("target.json", id="a-path-of-json"),
        pytest.param("target.csv", id="a-path-of-csv"),
    ],
)
def test_a_table_may_be_written_in_many_ways(target, write, tmp_path):
    (tmp_path / "target.json").write_text(json.dumps(TARGET), encoding="utf-8")
    (tmp_path / "target.csv").write_text("place,key,id\n", encoding="utf-8")

    found = read_labelled_tables(write(row(target=target)), TASK)

    assert found[0].record.target.ids == ("place", "key", "id")


def test_rows_of_one_target_share_its_table(write):
    first, *_, last = read_labelled_tables(write(row(id="a"), row(id="b")), TASK)

    assert first.record.target is last.record.target


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"source": ...}, "the table 'source' is missing or blank", id="no-source"),
        pytest.param({"target": " "}, "the table 'target' is missing or blank", id="blank-target"),
        pytest.param({"target": 7}, "'target' is a number and not a text", id="a-number"),
        pytest.param({"target": None}, "'target' is null and not a text", id="null"),
        pytest.param(
            {"source": "../a.csv"},
            "the table '../a.csv' is not below the folder of the rows",
            id="a-path-that-leads-out",
        ),
        pytest.param(
            {"source": "a.csv"},
            "the table 'a.csv' cannot be read (FileNotFoundError)",
            id="no-file",
        ),
        pytest.param(
            {"target": {"a": 1}},
            "record 't': target: it is not made of columns",
            id="no-column",
        ),
        pytest.param({"target": {}}, "record 't': target: it has no columns", id="no-columns"),
        pytest.param(
            {"target": "(none)\tb"}, "record 't': target: it has a column '(none)'", id="no-answer"
        ),
        pytest.param({"source": "\ud800,b"}, "'source' has half a surrogate pair", id="surrogate"),
        pytest.param(
            {"candidates": ["a"]},
            "it has candidates, and match_columns reads two tables",
            id="candidates",
        ),
        pytest.param({"matches": ...}, "'matches' is missing", id="no-matches"),
        pytest.param({"matches": []}, "'matches' is no object", id="matches-no-object"),
        pytest.param(
            {"matches": {"twon": ["place"]}},
            "'matches' names 'twon', which is no column of the source",
            id="no-such-source",
        ),
        pytest.param(
            {"matches": {"twon": []}},
            "'matches' names 'twon', which is no column of the source",
            id="no-such-source-without-targets",
        ),
        pytest.param(
            {"matches": {"town": ["place", "palce"]}},
            "'town' matches 'palce', which is no column of the target",
            id="no-such-target",
        ),
        pytest.param(
            {"matches": {"town": [NO_MATCH]}},
            "'town' matches '(none)', which is no column of the target",
            id="none-as-a-target",
        ),
        pytest.param(
            {"matches": {"town": {"place": 1}}},
            "what 'town' matches is no list of columns",
            id="an-object-of-targets",
        ),
        pytest.param(
            {"matches": {"town": [["place"]]}},
            "what 'town' matches is no list of columns",
            id="lists-in-lists",
        ),
        pytest.param(
            {"matches": {"town": False}},
            "what 'town' matches is no list of columns",
            id="false",
        ),
        pytest.param({"id": " "}, "'id' is blank", id="a-blank-id"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(changes, problem, write):
    path = write(row(id="first"), row(**changes))

    error = refusal(path)

    assert error.place == f"{path}:2"
    assert error.problem == problem
    assert error.remedy.endswith(".")


def test_one_id_twice_is_refused(write):
    error = refusal(write(row(), row()))

    assert error.problem == "the id 't' is also that of line 1"


def test_rows_that_are_not_labelled_need_no_matches(write):
    (record,) = read_records(write(row(matches=...)), TASK)

    assert record.fields == {"source": SOURCE, "target": json.dumps(TARGET)}


# What tables have in common


def test_the_columns_of_a_table_are_one_group_under_any_id_and_against_any_target(write):
    path = write(row(id="a"), row(id="b", target="place,zip"), row(id="c", source="code,town"))

    groups = [template_of(each) for each in read_labelled_tables(path, TASK)]

    assert len(set(groups[:6])) == 1
    assert len(set(groups)) == 2


def test_numbered_columns_of_numbers_are_copies_of_one_unit(write):
    """Like lines that differ in their numbers only: they would not be independent evidence."""
    path = write(row(source="x1,x2,y1,town\n1,7,2,Kiel\n3,8,4,Jena\n", matches={}))

    first, second, other, town = (unit_of(each.record) for each in read_labelled_tables(path, TASK))

    assert first == second
    assert len({first, other, town}) == 3
