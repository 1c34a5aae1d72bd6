"""What callers send of two tables, and what a large model is shown of one column."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.match_record import NO_MATCH, ColumnRecord, TableRecord
from headgate.domains.schemas.match_task import SHOWN_CHARS, SHOWN_VALUES, MatchTask, TableTask
from headgate.errors import InputError
from headgate.types import Candidate, Prediction, Record

TABLES, COLUMNS = TableTask(), MatchTask()
TEMPERATURE = Column("temp", ("4.1", "9.6"), (1, 1), "Of the water.", rows=2, distinct=2)
TARGET = Table("target", (TEMPERATURE, Column("town", ("Kiel",), (1,)), Column("")))


def record(**fields):
    return Record("t", {"source": "a,b\n1,2\n", "target": "c\n3\n", **fields})


def column_record(column=TEMPERATURE):
    return ColumnRecord(id="t/temp", fields={}, column=column, target=TARGET)


# Tables


def test_both_tables_are_read():
    found = TABLES.tables(record())

    assert (found.id, found.source.ids, found.target.ids) == ("t", ("a", "b"), ("c",))


def test_tables_that_are_read_already_stay_as_they_are():
    read = TableRecord(id="t", fields={}, source=TARGET, target=TARGET)

    TABLES.check(read)

    assert TABLES.tables(read) is read


def test_one_target_is_read_once_for_all_threads():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(TABLES.tables, [record() for _ in range(40)]))

    assert len({id(each.target) for each in [TABLES.tables(record()), *found[4:]]}) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        pytest.param({"source": "\0"}, "source", id="source"),
        pytest.param({"target": '[{"name": "a", "values": 1}]'}, "target: column 1", id="target"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(fields, named):
    with pytest.raises(InputError) as caught:
        TABLES.tables(record(**fields))

    assert caught.value.place == "record 't'"
    assert caught.value.problem.startswith(f"{named}: it")


@pytest.mark.parametrize("read", [True, False], ids=["read", "text"])
def test_a_target_column_that_is_called_like_no_answer_is_refused(read):
    bad = Table("target", (Column(NO_MATCH),))
    whole = TableRecord(id="t", fields={}, source=TARGET, target=bad)

    with pytest.raises(InputError, match="it has a column"):
        TABLES.tables(whole if read else record(target=f"{NO_MATCH}\n1\n"))


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        pytest.param(Record("t", {"source": "a"}), "the table 'target' is missing", id="missing"),
        pytest.param(record(source=" "), "the table 'source' is missing or blank", id="blank"),
        pytest.param(record(log="x"), "it has field 'log'", id="another-field"),
        pytest.param(
            Record("t", {"source": "a", "target": "b"}, (Candidate("1", "x"),)),
            "it has candidates",
            id="candidates",
        ),
    ],
)
def test_what_is_not_two_tables_is_refused(sent, problem):
    with pytest.raises(InputError, match=problem):
        TABLES.check(sent)


# Columns


def test_the_options_of_a_column_are_the_targets_columns_and_none():
    assert COLUMNS.options(column_record()) == ("temp", "town", "column 3", NO_MATCH)


def test_a_record_that_is_no_column_is_refused():
    with pytest.raises(InputError, match="it is no column of a table"):
        COLUMNS.check(record())


def test_a_large_model_sees_what_is_known_of_a_column():
    assert COLUMNS.shown_fields(column_record()) == {
        "source column": "temp",
        "description": "Of the water.",
        "kind of values": "number",
        "values": "4.1 | 9.6",
    }


def test_what_is_not_known_of_a_column_is_not_shown():
    shown = COLUMNS.shown_fields(column_record(Column("")))

    assert (shown["source column"], "values" in shown, "description" in shown) == (
        "(no name)",
        False,
        False,
    )


def test_candidates_are_the_options_that_are_columns_in_their_order():
    prediction = Prediction(("town", "temp", "column 3", NO_MATCH), (0.4, 0.3, 0.2, 0.1))

    assert COLUMNS.shown_candidates(column_record(), prediction) == (
        Candidate("town", "town; values: Kiel"),
        Candidate("temp", "temp; Of the water.; values: 4.1 | 9.6"),
        Candidate("column 3", "(no name)"),
    )


def test_few_values_and_short_texts_are_shown():
    values = tuple(f"{number}" * 100 for number in range(9))
    long = Column("a", values, (1,) * 9, "d" * 1000, rows=9, distinct=9)

    shown = COLUMNS.shown_fields(column_record(long))

    assert len(shown["description"]) == len(shown["values"]) == SHOWN_CHARS + 1
    assert len(values) > SHOWN_VALUES


def test_cases_are_found_by_name_and_values():
    assert COLUMNS.query_text(column_record()).splitlines() == ["temp", "4.1", "9.6"]
