import json

import pytest

from headgate.batch.journal import Journal, Step
from headgate.batch.types import InputFile, Unit

FILE = InputFile("a.log", "/x/a\udcff.log", 0, 10, "text", None, "f" * 16, 1.5)
UNITS = [Unit(0, FILE, 0, 5), Unit(1, FILE, 5, 10), Unit(2, FILE, 0, None, 4)]


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path)
    yield found
    found.close()


def test_units_come_back_as_they_were_planned(journal, tmp_path):
    """A path whose bytes are not UTF-8 too."""
    assert not journal.planned
    journal.plan(UNITS)
    journal.close()

    again = Journal(tmp_path)

    assert again.planned
    assert [each.unit for each in again.units()] == UNITS
    assert {each.step for each in again.units()} == {Step.PLANNED}
    again.close()


def test_an_input_without_units_is_planned_too(journal):
    journal.plan([])

    assert journal.planned
    assert journal.units() == []
    assert journal.counts() == dict.fromkeys(Step, 0)


def test_units_are_planned_once(journal):
    journal.plan(UNITS)

    with pytest.raises(Exception, match="UNIQUE"):
        journal.plan(UNITS)


def test_each_step_of_a_unit_is_noted_with_what_was_told(journal):
    journal.plan(UNITS)
    journal.spooled(1, {"rows": 3})
    journal.spooled(2, {"rows": 4})
    journal.answered([1, 2])
    journal.written(1, {"rows": 2}, {"groups": []})

    first, second, third = journal.units()
    assert [each.step for each in (first, second, third)] == [
        Step.PLANNED,
        Step.WRITTEN,
        Step.ANSWERED,
    ]
    assert (first.spooled, second.spooled, second.written) == ({}, {"rows": 3}, {"rows": 2})
    assert list(journal.summaries()) == [{"groups": []}]
    assert journal.counts() == {
        Step.PLANNED: 3,
        Step.SPOOLED: 2,
        Step.ANSWERED: 2,
        Step.WRITTEN: 1,
    }


def test_the_last_note_of_a_name_stays(journal):
    assert journal.noted("phases_s") is None
    journal.note("phases_s", {"reading": 1.25})
    journal.note("phases_s", {"reading": 2.5})

    assert journal.noted("phases_s") == {"reading": 2.5}
    assert json.dumps(journal.noted("phases_s")) == '{"reading": 2.5}'


def test_answers_calls_and_drafts_share_the_file(journal, tmp_path):
    journal.plan(UNITS)

    assert len(journal.answers) == len(journal.drafts) == journal.calls.total().calls == 0
    assert len(list(tmp_path.glob("*.sqlite"))) == 1
