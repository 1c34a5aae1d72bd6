from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headgate.batch.answers import SCHEMA, Answer, batch_of
from headgate.batch.inputs import find_inputs, plan_units
from headgate.batch.journal import Journal
from headgate.batch.ledger import Ledger
from headgate.batch.progress import StoppedError, Tally
from headgate.batch.spool import FOLDER, UnitSpool, reading, records_of, writing
from headgate.batch.types import InputSpec
from headgate.batch.work import Work, Worker
from headgate.domains.logs import LogTask
from headgate.errors import InputError

LINES = LogTask("classify_lines", ("normal", "fault"))


class Bench:
    """A worker on units of about 200 bytes, whose records are all answered "normal"."""

    def __init__(self, folder: Path, *, task=LINES, grain="line", tally=None, **options):
        self.folder = folder
        (folder / FOLDER).mkdir()
        most_errors = options.pop("most_errors", None)
        self.spec = InputSpec((str(folder / "in"),), **options)
        units = plan_units(find_inputs(self.spec), self.spec, target_bytes=200)
        self.journal = Journal(folder)
        self.journal.plan(units)
        self.ledger = Ledger(self.journal, Tally(), None)
        work = Work(str(folder), self.spec, task, grain, "parquet", most_errors=most_errors)
        self.worker = Worker(work, tally)

    def spool(self):
        for unit in self.ledger.units:
            self.ledger.spooled(unit, self.worker.spool(unit))

    def answer(self, refused=""):
        for unit in self.ledger.units:
            spool = UnitSpool.of(self.folder, unit.number)
            with writing(spool.answers, SCHEMA) as write:
                for batch in reading(spool.items):
                    texts = [next(iter(each.fields.values())) for each in records_of(batch)]
                    write(batch_of([_answer(text, refused) for text in texts]))

    def write(self):
        return [
            self.worker.write(unit, self.ledger.lines_before(unit)) for unit in self.ledger.units
        ]

    def rows(self):
        shards = sorted((self.folder / "parts").iterdir())
        return [row for shard in shards for row in pq.read_table(shard).to_pylist()]


def _answer(text: str, refused: str) -> Answer:
    if refused and refused in text:
        return Answer("", 0.0, "", None, "", "", "uncertified", "", 0.0, "RECORD_FAILED", "failed")
    return Answer("normal", 0.9, "small", 0.8, "", "", "uncertified", "", 0.25, "", "")


@pytest.fixture
def cut(tmp_path):
    """A file of 60 lines in several units; line 60 is too long."""
    lines = [b"link eth%d is up" % (number % 7) for number in range(59)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.log").write_bytes(b"\n".join([*lines, b"y" * 300]) + b"\n")
    return tmp_path


def test_lines_are_numbered_within_their_file_however_it_is_cut(cut):
    """Letters of what could not be read are too."""
    bench = Bench(cut, max_line_bytes=200)
    bench.spool()
    bench.answer()
    written = bench.write()

    assert len(written) > 3
    assert [row["line"] for row in bench.rows()] == [*range(1, 60)]
    offsets = [row["offset"] for row in bench.rows()]
    assert offsets == [16 * number for number in range(59)]
    (letter,) = (cut / "dead_letters").glob("*.jsonl")
    assert '"number": 60' in letter.read_text(encoding="ascii")


def test_units_may_be_numbered_in_any_order(cut):
    bench = Bench(cut, max_line_bytes=200)
    bench.spool()
    units = bench.ledger.units

    backwards = {unit.number: bench.ledger.lines_before(unit) for unit in reversed(units)}
    forwards = {unit.number: bench.ledger.lines_before(unit) for unit in units}

    assert backwards == forwards
    assert forwards[0] == 0
    assert all(before < after for before, after in pairwise(forwards.values()))


def test_writing_a_unit_again_changes_nothing(cut):
    bench = Bench(cut, max_line_bytes=200)
    bench.spool()
    bench.answer(refused="eth3")
    first = bench.write()
    before = {path: path.read_bytes() for path in cut.rglob("*") if path.is_file()}

    assert bench.write() == first
    assert {path: path.read_bytes() for path in cut.rglob("*") if path.is_file()} == before


def test_rows_without_an_answer_are_letters_and_nothing_else_is(cut):
    bench = Bench(cut, max_line_bytes=200)
    bench.spool()
    bench.answer(refused="eth3")
    written = bench.write()

    refused = [number + 1 for number in range(59) if number % 7 == 3]
    kept = [row["line"] for row in bench.rows()]
    assert kept == [number for number in range(1, 60) if number not in refused]
    assert sum(each.letters.get("RECORD_FAILED", 0) for each in written) == len(refused)
    assert sum(each.rows + sum(each.letters.values()) for each in written) == 60
    assert sum(each.summary["rows"] for each in written) == len(kept)
    assert not {"error", "problem"} & set(bench.rows()[0])


def test_equal_rows_of_a_block_cost_once(tmp_path):
    (tmp_path / "in").mkdir()
    rows = "".join(f'{{"id": "{place}", "line": "{text}"}}\n' for place, text in enumerate("abab"))
    (tmp_path / "in" / "a.jsonl").write_text(rows, encoding="ascii")
    bench = Bench(tmp_path, grain="row")
    bench.spool()
    bench.answer()
    bench.write()

    assert [row["cost_usd"] for row in bench.rows()] == [0.25, 0.25, 0.0, 0.0]
    assert [row["id"] for row in bench.rows()] == ["0", "1", "2", "3"]
    assert [row["row"] for row in bench.rows()] == [1, 2, 3, 4]


def test_a_unit_in_which_all_is_wrong_is_written_without_rows(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.log").write_bytes(b"y" * 100 + b"\n")
    bench = Bench(tmp_path, max_line_bytes=50)
    bench.spool()
    bench.answer()

    (written,) = bench.write()

    assert (written.rows, written.letters) == (0, {"LINE_TOO_LONG": 1})
    assert bench.rows() == []


def test_too_many_wrong_lines_end_the_unit(cut):
    bench = Bench(cut, max_line_bytes=10, most_errors=2)

    with pytest.raises(InputError, match="more than 2 lines or rows are wrong"):
        bench.spool()

    assert not list((cut / FOLDER).glob("*"))


def test_a_worker_that_is_asked_to_stop_leaves_nothing_half_done(cut):
    tally = Tally()
    bench = Bench(cut, max_line_bytes=200, tally=tally)
    bench.spool()
    bench.answer()
    spooled = sorted(path.name for path in (cut / FOLDER).iterdir())
    tally.stop()

    with pytest.raises(StoppedError):
        bench.spool()
    with pytest.raises(StoppedError):
        bench.write()

    assert sorted(path.name for path in (cut / FOLDER).iterdir()) == spooled
    assert not list((cut / "parts").iterdir())
    assert not list((cut / "dead_letters").iterdir())
    assert tally.lines > 59
