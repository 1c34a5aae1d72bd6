from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord, column_id, column_records

AGE = Column("age", ("41", "38"), (2, 1), rows=3, distinct=2)
SOURCE = Table("patients", (AGE, Column("age"), Column("")))
TARGET = Table("dictionary", (Column("age_at_visit"),))


def records():
    return column_records(TableRecord("pair-7", {}, source=SOURCE, target=TARGET))


def test_each_source_column_becomes_a_record_in_its_order():
    assert [record.id for record in records()] == ["pair-7/age", "pair-7/age#2", "pair-7/column 3"]
    assert [record.column for record in records()] == list(SOURCE.columns)
    assert all(record.target is TARGET for record in records())


def test_the_fields_name_the_column_its_table_and_values():
    assert records()[0].fields == {"column": "age", "table": "patients", "values": "41 | 38"}


def test_of_many_values_only_the_first_are_fields():
    column = Column("n", tuple(map(str, range(50))), (1,) * 50)
    table = Table("t", (column,))

    fields = column_records(TableRecord("r", {}, source=table, target=TARGET))[0].fields

    assert fields["values"] == "0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9"


def test_values_are_not_in_what_is_printed_of_a_record():
    """Logs print records, and never what is in them."""
    assert "age_at_visit" not in repr(records()[0])


def test_a_record_id_is_the_tables_and_the_columns():
    assert column_id("pair-7", "age#2") == "pair-7/age#2"
    assert NO_MATCH not in TARGET.ids
