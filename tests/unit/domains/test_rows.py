import codecs
import json
from datetime import date

import pytest

from headgate.domains.logs import LogTask
from headgate.domains.rows import LabelledRecord, read_labelled, read_records, record_of
from headgate.errors import InputError
from headgate.types import Candidate, Record

MATCH = LogTask("match_description", ("mismatch", "match"))
LEVEL = LogTask("level", ("info", "error"))
LINES = LogTask("classify_lines", ("normal", "fault"))
RANK = LogTask("rank_causes", ())

GOOD = {"log": "link down", "label": "error"}
PAIR = {"log": "link down", "cause": "cable cut", "fits": True}
CAUSES = [{"id": "a", "text": "cable cut"}, {"id": "b", "text": "fan dusty"}]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.jsonl"


@pytest.fixture
def write(path):
    """Write rows, or bytes as they are."""

    def write_lines(*lines, end=b"\n"):
        encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"".join(line + end for line in encoded))
        return path

    return write_lines


def refusal(read, path, task):
    with pytest.raises(InputError) as caught:
        read(path, task)
    return caught.value.args


# What is read


def test_a_labelled_row_becomes_a_record_with_its_label_and_reason(write):
    row = {"id": "a", "log": "link down", "description": "it fails", "label": "match"}

    found = read_labelled(write({**row, "reason": "both say down"}), MATCH)

    record = Record("a", {"log": "link down", "description": "it fails"})
    assert found == [LabelledRecord(record, "match", "both say down")]


def test_a_row_without_an_id_has_its_lines_number(write):
    path = write({"line": "one"}, b"", {"id": "x", "line": "three"}, {"line": "four"})

    assert [record.id for record in read_records(path, LINES)] == ["1", "x", "4"]


def test_unlabelled_rows_are_read_for_answering_and_their_labels_not_looked_at(write):
    path = write({"log": "a"}, {"log": "b", "label": 7, "reason": None})

    assert read_records(path, LEVEL) == [Record("1", {"log": "a"}), Record("2", {"log": "b"})]


def test_columns_nobody_reads_are_passed_over(write):
    """Labels are often exported with more than is needed."""
    (found,) = read_labelled(write({**GOOD, "host": "web-1", "at": 7, "line": None}), LEVEL)

    assert found.record.fields == {"log": "link down"}


def test_fields_are_in_the_order_of_the_task_whatever_that_of_the_row(write):
    path = write({"description": "it fails", "log": "link down"})

    assert list(read_records(path, MATCH)[0].fields) == ["log", "description"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\n\n", b"\n \t\r\n"])
def test_any_line_ending_and_empty_lines_do(write, end):
    path = write(GOOD, {**GOOD, "label": "info"}, end=end)

    assert [each.label for each in read_labelled(path, LEVEL)] == ["error", "info"]


def test_lines_are_counted_as_an_editor_does(write):
    path = write(GOOD, GOOD, b"", b"oops", end=b"\r\n")

    assert refusal(read_labelled, path, LEVEL)[0] == f"{path}:4"


def test_a_last_line_without_an_end_is_read(path):
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + json.dumps(GOOD).encode())

    assert len(read_labelled(path, LEVEL)) == 2


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_first_row(path):
    path.write_bytes(codecs.BOM_UTF8 + json.dumps(GOOD).encode())

    assert len(read_labelled(path, LEVEL)) == 1


def test_separators_that_unicode_calls_line_ends_stay_within_a_text(write):
    text = "a\u2028b\u0085c\x0bd"

    path = write(json.dumps({"log": text}, ensure_ascii=False).replace("\x0b", "\\u000b").encode())

    assert read_records(path, LEVEL)[0].fields == {"log": text}


def test_characters_beyond_the_basic_plane_are_read_escaped_or_not(write):
    path = write(b'{"log": "\\ud83d\\ude00"}', '{"log": "\N{GRINNING FACE}"}'.encode())

    assert {record.fields["log"] for record in read_records(path, LEVEL)} == {"\N{GRINNING FACE}"}


def test_candidates_are_texts_numbered_from_one_or_objects(write):
    path = write(
        {"log": "link down", "candidates": ["cable cut", "fan dusty"]},
        {"log": "link down", "candidates": CAUSES},
        {"log": "link down", "candidates": ["cable cut", {"id": "b", "text": "fan dusty"}]},
    )

    found = [record.candidates for record in read_records(path, RANK)]

    assert found == [
        (Candidate("1", "cable cut"), Candidate("2", "fan dusty")),
        (Candidate("a", "cable cut"), Candidate("b", "fan dusty")),
        (Candidate("1", "cable cut"), Candidate("b", "fan dusty")),
    ]


def test_the_label_of_a_ranked_row_is_a_candidates_id(write):
    path = write({"log": "link down", "candidates": CAUSES, "label": "b"})

    assert read_labelled(path, RANK)[0].label == "b"


# Files that cannot be read


@pytest.mark.parametrize("read", [read_records, read_labelled])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(lambda path: None, "FileNotFoundError", id="missing"),
        pytest.param(lambda path: path.mkdir(), "IsADirectoryError", id="directory"),
        pytest.param(lambda path: path.symlink_to(path), "OSError", id="loop"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_why(read, make, name, path):
    make(path)

    assert refusal(read, path, LEVEL) == (
        str(path),
        f"the file cannot be read ({name})",
        "Check the path and its permissions.",
    )


@pytest.mark.parametrize("read", [read_records, read_labelled])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n\r\n  \n", codecs.BOM_UTF8],
    ids=["empty", "blank-lines", "byte-order-mark"],
)
def test_a_file_without_rows_is_refused(read, path, content):
    path.write_bytes(content)

    assert refusal(read, path, LEVEL) == (
        str(path),
        "there are no rows in it",
        "Write one JSON object a line.",
    )


# Rows that are refused


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"log": "caf\xe9", "label": "error"}', id="latin-1"),
        pytest.param(json.dumps(GOOD).encode("utf-16"), id="utf-16"),
        pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
        pytest.param(b"link down,error", id="csv"),
        pytest.param(b'{"log": "link down", "label": "error"', id="cut-off"),
        pytest.param(b"{'log': 'link down'}", id="single-quotes"),
        pytest.param(b'{"log": "a"} {"log": "b"}', id="two-objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested-lists"),
        pytest.param(b'{"log":' * 100_000 + b"1" + b"}" * 100_000, id="nested-objects"),
        pytest.param(b'{"log": "a\x00b"}', id="raw-nul"),
        pytest.param(b'{"log": ' + b"1" * 5000 + b"}", id="huge-number"),
        pytest.param(codecs.BOM_UTF8 + b'{"log": "link down"}', id="mark-inside-the-file"),
    ],
)
def test_a_line_that_is_no_json_is_refused_with_its_number_and_without_its_text(write, line):
    path = write(GOOD, line)

    assert refusal(read_labelled, path, LEVEL) == (
        f"{path}:2",
        "not a JSON object in UTF-8",
        "Write {...}.",
    )


@pytest.mark.parametrize("line", [b"[]", b"null", b"7", b'"log"', b"NaN", b"true"])
def test_json_that_is_no_object_is_refused(write, line):
    path = write(line)

    assert refusal(read_records, path, LEVEL) == (
        f"{path}:1",
        "not a JSON object",
        "Write {...}.",
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"label": "match"}, "field 'log' is missing or blank", id="nothing"),
        pytest.param(
            {"log": "x", "label": "match"}, "field 'description' is missing or blank", id="missing"
        ),
        pytest.param(
            {"log": "x", "description": " \t"},
            "field 'description' is missing or blank",
            id="blank",
        ),
        pytest.param({"log": "", "description": "x"}, "field 'log' is missing or blank", id="log"),
        pytest.param(
            {"Log": "x", "description": "x"}, "field 'log' is missing or blank", id="other-case"
        ),
    ],
)
@pytest.mark.parametrize("read", [read_records, read_labelled])
def test_a_field_that_is_missing_or_blank_is_refused_with_what_is_read(write, read, row, problem):
    path = write(row)

    assert refusal(read, path, MATCH) == (
        f"{path}:1",
        problem,
        "match_description reads: log, description.",
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param(None, "null", id="null"),
        pytest.param(7, "a number", id="integer"),
        pytest.param(0.5, "a number", id="fraction"),
        pytest.param(True, "true or false", id="boolean"),
        pytest.param(["x"], "a list", id="list"),
        pytest.param({"x": 1}, "an object", id="object"),
    ],
)
@pytest.mark.parametrize("name", ["id", "log", "label", "reason"])
def test_a_value_that_is_no_text_is_refused_by_its_kind(write, name, value, kind):
    path = write({**GOOD, "reason": "", name: value})

    assert refusal(read_labelled, path, LEVEL) == (
        f"{path}:1",
        f"'{name}' is {kind} and not a text",
        f"Write '{name}' as a string.",
    )


@pytest.mark.parametrize("name", ["id", "log", "label", "reason"])
def test_half_a_surrogate_pair_is_refused(write, name):
    """JSON can carry it and no encoding can: a hash or a request would fail on it much later."""
    path = write(GOOD, {**GOOD, name: "x\ud800"})

    assert refusal(read_labelled, path, LEVEL) == (
        f"{path}:2",
        f"'{name}' has half a surrogate pair",
        "Write whole characters.",
    )


def test_a_blank_id_is_refused(write):
    path = write({**GOOD, "id": " "})

    assert refusal(read_records, path, LEVEL) == (
        f"{path}:1",
        "'id' is blank",
        "Write some text as 'id'.",
    )


def test_a_row_without_a_label_is_refused(write):
    path = write(GOOD, {"log": "link down"})

    assert refusal(read_labelled, path, LEVEL) == (
        f"{path}:2",
        "'label' is missing",
        "Write 'label' as a string.",
    )


@pytest.mark.parametrize("label", ["", "Error", " error", "warning"])
def test_a_label_outside_the_set_is_refused_and_the_allowed_ones_shown(write, label):
    path = write({**GOOD, "label": label})

    assert refusal(read_labelled, path, LEVEL) == (
        f"{path}:1",
        f"the label {label!r} is not in the answer set",
        "Use one of ['info', 'error'].",
    )


def test_a_candidates_text_is_not_its_id(write):
    path = write({"log": "link down", "candidates": ["cable cut", "dust"], "label": "dust"})

    assert refusal(read_labelled, path, RANK)[2] == "Use one of ['1', '2']."


@pytest.mark.parametrize("read", [read_records, read_labelled])
def test_two_rows_of_one_id_are_refused_with_both_lines(write, read):
    path = write({**GOOD, "id": "a"}, b"", {**GOOD, "id": "b"}, {**GOOD, "id": "a"})

    assert refusal(read, path, LEVEL) == (
        f"{path}:4",
        "the id 'a' is also that of line 1",
        "Give each row its own; a row without one has its line's number.",
    )


def test_an_id_that_is_another_rows_line_number_is_refused(write):
    path = write({**GOOD, "id": "2"}, GOOD)

    assert refusal(read_labelled, path, LEVEL)[:2] == (
        f"{path}:2",
        "the id '2' is also that of line 1",
    )


@pytest.mark.parametrize(
    ("candidates", "place", "problem"),
    [
        pytest.param("cable cut", "", "'candidates' is not a list", id="text"),
        pytest.param(None, "", "'candidates' is not a list", id="null"),
        pytest.param({"a": "cable cut"}, "", "'candidates' is not a list", id="object"),
        pytest.param(["x", 7], ": candidates[1]", "not a text", id="number"),
        pytest.param([None, "x"], ": candidates[0]", "not a text", id="null-inside"),
        pytest.param(["x", {"id": "b"}], ": candidates[1]", "'text' is missing", id="no-text"),
        pytest.param([{"text": "x"}], ": candidates[0]", "'id' is missing", id="no-id"),
        pytest.param(
            [{"id": 1, "text": "x"}],
            ": candidates[0]",
            "'id' is a number and not a text",
            id="number-as-id",
        ),
        pytest.param(
            ["x", "\ud800"], ": candidates[1]", "'text' has half a surrogate pair", id="surrogate"
        ),
        pytest.param([], "", "0 candidates, or their", id="none"),
        pytest.param(["x"], "", "1 candidates, or their", id="one"),
        pytest.param(["x", " "], "", "2 candidates, or their", id="blank"),
        pytest.param(["x", {"id": "1", "text": "y"}], "", "2 candidates, or their", id="same-id"),
    ],
)
def test_candidates_that_are_none_are_refused_with_their_position(
    write, candidates, place, problem
):
    path = write({"log": "link down", "candidates": candidates, "label": "1"})

    found = refusal(read_labelled, path, RANK)

    assert found[0] == f"{path}:1{place}"
    assert found[1].startswith(problem)


def test_candidates_are_refused_where_labels_are_declared(write):
    path = write({**GOOD, "candidates": CAUSES})

    assert refusal(read_labelled, path, LEVEL)[0] == f"{path}:1"


def test_messages_read_place_problem_remedy(write):
    path = write({"log": 7, "label": "error"})

    with pytest.raises(InputError) as caught:
        read_labelled(path, LEVEL)

    assert str(caught.value) == (
        f"{path}:1: 'log' is a number and not a text. Write 'log' as a string."
    )


# Pairs of a log and a cause


def pair(log, cause, fits):
    return {"log": log, "cause": cause, "fits": fits}


def test_pairs_of_one_log_become_one_record_wherever_they_stand(write):
    path = write(
        pair("link down", "fan dusty", False),
        pair("disk slow", "sector worn", True),
        pair("link down", "cable cut", True),
        pair("disk slow", "fan dusty", False),
    )

    first, second = read_labelled(path, RANK)

    causes = (Candidate("1", "fan dusty"), Candidate("2", "cable cut"))
    assert first == LabelledRecord(Record("1", {"log": "link down"}, causes), "2")
    assert (second.record.id, second.record.fields, second.label) == (
        "2",
        {"log": "disk slow"},
        "1",
    )


def test_logs_without_exactly_one_cause_that_fits_are_left_out(write):
    path = write(
        pair("two right", "a", True),
        pair("two right", "b", True),
        pair("none right", "a", False),
        pair("none right", "b", False),
        pair("only one", "a", True),
        pair("contradicted", "a", True),
        pair("contradicted", "a", False),
        pair("contradicted", "b", False),
        pair("good", "a", False),
        pair("good", "b", True),
    )

    (found,) = read_labelled(path, RANK)

    assert (found.record.fields["log"], found.label) == ("good", "2")


def test_a_pair_that_is_there_twice_counts_once(write):
    path = write(*[pair("link down", "cut", True)] * 2, *[pair("link down", "dust", False)] * 2)

    (found,) = read_labelled(path, RANK)

    assert [each.text for each in found.record.candidates] == ["cut", "dust"]


def test_pairs_none_of_which_is_usable_are_refused(write):
    path = write(PAIR, pair("disk slow", "a", False))

    assert refusal(read_labelled, path, RANK) == (
        str(path),
        "no log has one cause that fits and one that does not",
        "Add such pairs.",
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"fits": None}, "'fits' is not true or false", id="null"),
        pytest.param({"fits": 1}, "'fits' is not true or false", id="number"),
        pytest.param({"fits": "true"}, "'fits' is not true or false", id="text"),
        pytest.param({"log": " "}, "'log' is blank", id="blank-log"),
        pytest.param({"cause": ""}, "'cause' is blank", id="blank-cause"),
        pytest.param({"cause": 7}, "'cause' is a number and not a text", id="cause-is-a-number"),
        pytest.param({"log": ["x"]}, "'log' is a list and not a text", id="log-is-a-list"),
        pytest.param({"log": "\udfff"}, "'log' has half a surrogate pair", id="surrogate"),
    ],
)
def test_a_pair_that_is_wrong_is_refused_with_its_line(write, row, problem):
    path = write(PAIR, pair("link down", "dust", False), {**PAIR, **row})

    assert refusal(read_labelled, path, RANK)[:2] == (f"{path}:3", problem)


@pytest.mark.parametrize("name", ["log", "cause", "fits"])
def test_a_pair_with_a_part_missing_is_refused(write, name):
    path = write(PAIR, {key: value for key, value in PAIR.items() if key != name})

    assert refusal(read_labelled, path, RANK)[0] == f"{path}:2"


def test_pairs_are_rows_of_causes_only(write):
    """Elsewhere `cause` is a column that nobody reads."""
    (found,) = read_labelled(write({**GOOD, "cause": "cut", "fits": True}), LEVEL)

    assert found.label == "error"


# One row that was read elsewhere


def test_a_row_from_elsewhere_becomes_the_same_record():
    row = {"log": "link down", "candidates": CAUSES, "host": "web-1"}

    record = record_of(row, RANK, "rows.csv:7")

    candidates = (Candidate("a", "cable cut"), Candidate("b", "fan dusty"))
    assert record == Record("7", {"log": "link down"}, candidates)


def test_a_value_that_json_does_not_have_is_named_by_its_type():
    """Tables hold dates."""
    with pytest.raises(InputError, match=r"rows:1: 'log' is a date and not a text"):
        record_of({"log": date(2026, 1, 2)}, LEVEL, "rows:1")
