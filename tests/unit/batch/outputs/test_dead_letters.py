import json

import pytest

from headgate.batch.outputs.dead_letters import DEAD_LETTERS, MOST_DETAIL, DeadLetterWriter
from headgate.batch.types import DeadLetter


def letter(unit=0, number=1, reason="ROW_INVALID", detail="no field 'log'"):
    return DeadLetter(unit, "a.log", number, reason, detail, offset=None)


def write(directory, unit, *letters, step="read"):
    with DeadLetterWriter(directory).unit(unit, step) as taking:
        for each in letters:
            taking.add(each)
    return dict(taking.by_reason)


def gathered(directory):
    DeadLetterWriter(directory).gather()
    rows = [json.loads(line) for line in (directory / DEAD_LETTERS).read_text().splitlines()]
    return [(row["unit"], row["number"]) for row in rows]


def test_a_letter_says_where_and_why(tmp_path):
    write(tmp_path, 3, DeadLetter(3, "a.log", 7, "LINE_TOO_LONG", "2 MiB", offset=512))
    DeadLetterWriter(tmp_path).gather()

    assert json.loads((tmp_path / DEAD_LETTERS).read_text()) == {
        "unit": 3,
        "file": "a.log",
        "number": 7,
        "offset": 512,
        "reason": "LINE_TOO_LONG",
        "detail": "2 MiB",
    }


def test_letters_are_counted_by_reason(tmp_path):
    assert write(tmp_path, 0, letter(), letter(), letter(reason="NOT_JSON")) == {
        "ROW_INVALID": 2,
        "NOT_JSON": 1,
    }


def test_letters_come_in_the_order_of_units(tmp_path):
    for unit in (10, 2, 100_000, 9):
        write(tmp_path, unit, letter(unit), letter(unit, 2))

    assert gathered(tmp_path) == [
        (unit, number) for unit in (2, 9, 10, 100_000) for number in (1, 2)
    ]


def test_what_reading_found_comes_before_what_answering_found(tmp_path):
    write(tmp_path, 1, letter(1, 8), step="answer")
    write(tmp_path, 1, letter(1, 9), step="read")

    assert gathered(tmp_path) == [(1, 9), (1, 8)]


def test_a_unit_that_is_done_again_does_not_repeat_its_letters(tmp_path):
    write(tmp_path, 1, letter(1, 5))
    write(tmp_path, 1, letter(1, 5), letter(1, 6))

    assert gathered(tmp_path) == [(1, 5), (1, 6)]


def test_a_unit_that_is_right_at_last_has_no_letters(tmp_path):
    write(tmp_path, 1, letter(1))
    write(tmp_path, 1)

    assert gathered(tmp_path) == []


def test_a_unit_that_fails_leaves_what_was_there(tmp_path):
    write(tmp_path, 1, letter(1, 5))

    with pytest.raises(AttributeError):
        write(tmp_path, 1, letter(1, 6), "no letter")

    assert gathered(tmp_path) == [(1, 5)]


def test_a_job_without_letters_has_an_empty_file(tmp_path):
    assert gathered(tmp_path) == []


def test_gathering_again_changes_nothing(tmp_path):
    write(tmp_path, 1, letter(1))
    first = gathered(tmp_path)

    assert gathered(tmp_path) == first == [(1, 1)]
    assert [path.name for path in tmp_path.iterdir()] == [DEAD_LETTERS]


def test_gathering_goes_on_where_it_was_stopped(tmp_path):
    """The process was killed after the letters were set aside, and before they were removed."""
    write(tmp_path, 1, letter(1))
    write(tmp_path, 2, letter(2))
    gathered(tmp_path)
    aside = tmp_path / ".dead_letters.gathered"
    aside.mkdir()
    (aside / "unit-00002.read.jsonl").write_text("{}\n")

    assert gathered(tmp_path) == [(1, 1), (2, 1)]
    assert not aside.exists()


def test_no_letter_is_longer_than_a_page(tmp_path):
    write(tmp_path, 0, letter(detail="x" * 10_000))
    DeadLetterWriter(tmp_path).gather()

    (line,) = (tmp_path / DEAD_LETTERS).read_text().splitlines()
    assert len(json.loads(line)["detail"]) == MOST_DETAIL


def test_a_letter_is_one_line_whatever_is_in_it(tmp_path):
    write(tmp_path, 0, letter(detail='\n{"reason": "FORGED"}\x1b]0;x'))
    DeadLetterWriter(tmp_path).gather()

    content = (tmp_path / DEAD_LETTERS).read_bytes()
    assert content.count(b"\n") == 1
    assert b"\x1b" not in content
