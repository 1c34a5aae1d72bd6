import pytest

from headgate.batch.journal import Journal, Step
from headgate.batch.ledger import Ledger
from headgate.batch.progress import Tally
from headgate.batch.types import InputFile, Unit
from headgate.batch.work import Spooled
from headgate.errors import InputError
from headgate.lm.seam import RawAnswer
from headgate.types import Usage


def file_of(name: str) -> InputFile:
    return InputFile(name, f"/{name}", 0, 100, "text", None, "f" * 16, 0.0)


A, B = file_of("a"), file_of("b")
UNITS = [Unit(0, A, 0, 50), Unit(1, A, 50, 100), Unit(2, B, 0, None)]


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path)
    found.plan(UNITS)
    yield found
    found.close()


def test_a_units_lines_follow_those_of_its_file_alone(journal):
    ledger = Ledger(journal, Tally(), None)
    for unit, lines in zip(UNITS, (7, 5, 3), strict=True):
        ledger.spooled(unit, Spooled(lines, lines, 0))

    assert [ledger.lines_before(unit) for unit in UNITS] == [0, 7, 0]


def test_what_an_earlier_run_did_counts(journal):
    journal.spooled(0, {"rows": 7, "line_count": 8, "letters": 1})
    ledger = Ledger(journal, Tally(), None)

    assert ledger.below(Step.SPOOLED) == UNITS[1:]
    assert ledger.lines_before(UNITS[1]) == 8
    assert ledger.progress(0).lines == 7
    assert ledger.progress(0).lines_per_s == 0


def test_steps_are_never_taken_back(journal):
    ledger = Ledger(journal, Tally(), None)
    ledger.written(UNITS[0])
    ledger.answered()

    assert [ledger.step(unit) for unit in UNITS] == [Step.WRITTEN, Step.ANSWERED, Step.ANSWERED]
    assert ledger.below(Step.WRITTEN) == UNITS[1:]


def test_wrong_lines_of_all_units_and_runs_count_together(journal):
    journal.spooled(0, {"rows": 7, "line_count": 8, "letters": 2})
    ledger = Ledger(journal, Tally(), 3)
    ledger.spooled(UNITS[1], Spooled(5, 6, 1))

    with pytest.raises(InputError, match="more than 3 lines or rows are wrong"):
        ledger.spooled(UNITS[2], Spooled(5, 6, 1))
    with pytest.raises(InputError, match="more than 1 lines or rows are wrong"):
        Ledger(journal, Tally(), 1)


def test_progress_counts_lines_as_they_are_read_and_what_was_paid(journal):
    tally = Tally()
    ledger = Ledger(journal, tally, None)
    journal.calls.add(b"k", RawAnswer("{}"), Usage(cost_usd=0.5))

    assert ledger.progress(0).seconds_left is None
    tally.add(30)
    first = ledger.progress(4)
    ledger.spooled(UNITS[0], Spooled(40, 40, 0))
    second = ledger.progress(4)

    assert (first.lines, second.lines) == (30, 40)
    assert first.lines_per_s > 0
    assert (first.cost_usd, first.llm_share) == (0.5, 0.25)
    assert second.seconds_left > 0
    for unit in UNITS:
        ledger.written(unit)
    assert ledger.progress(4).seconds_left == 0


def test_times_of_phases_add_up_over_runs(journal):
    ledger = Ledger(journal, Tally(), None)
    with ledger.phase("reading"):
        ledger.save_times()
        part_s = ledger.phases_s["reading"]
    whole_s = ledger.phases_s["reading"]
    again = Ledger(journal, Tally(), None)
    with pytest.raises(KeyboardInterrupt), again.phase("reading"):
        raise KeyboardInterrupt

    assert 0 < part_s < whole_s < again.phases_s["reading"]
    assert journal.noted("phases_s") == again.phases_s
