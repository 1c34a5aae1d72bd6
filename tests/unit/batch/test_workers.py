import threading

import pytest

from fakes.batch_jobs import run, table, write_logs, write_rows
from headgate.batch.progress import StoppedError, Tally
from headgate.batch.run import Placement
from headgate.batch.types import InputFile, InputSpec, Unit
from headgate.batch.work import Work, Worker
from headgate.batch.workers import ThreadWorkers, cores, open_workers
from headgate.domains.logs import LogTask
from headgate.errors import UnavailableError

WORK = Work("/nowhere", InputSpec(("a",)), LogTask("level", ("a", "b")), "line", "parquet")
UNIT = Unit(3, InputFile("a", "/a", 0, 1, "text", None, "f", 0.0), 0, None)


class Held(Worker):
    """Holds each unit until it may go on."""

    def __init__(self, tally):
        self._tally = tally
        self.begun, self.may_end = threading.Event(), threading.Event()

    def spool(self, unit):
        self.begun.set()
        self.may_end.wait(10)
        self._tally.check()
        return unit.number

    def write(self, unit, lines_before):
        return unit.number, lines_before


def test_threads_hand_back_what_a_worker_told():
    worker = Held(Tally())
    worker.may_end.set()
    workers = ThreadWorkers(worker, Tally(), 1)

    assert workers.count == 1
    assert workers.spool(UNIT).result(10) == 3
    assert workers.write(UNIT, 7).result(10) == (3, 7)
    workers.close()


def test_closing_stops_what_runs_and_drops_what_waits():
    tally = Tally()
    worker = Held(tally)
    workers = ThreadWorkers(worker, tally, 1)
    running, waiting = workers.spool(UNIT), workers.spool(UNIT)
    worker.begun.wait(10)

    closing = threading.Thread(target=workers.close)
    closing.start()
    while not tally._stop.is_set():
        pass
    worker.may_end.set()
    closing.join(10)

    assert isinstance(running.exception(), StoppedError)
    assert waiting.cancelled()


def test_there_is_a_worker_a_core_unless_a_number_is_asked_for():
    assert open_workers(WORK, Tally(), count=None, address="").count == cores() >= 1
    assert open_workers(WORK, Tally(), count=3, address="").count == 3


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_named_at_once(address):
    with pytest.raises(UnavailableError, match=f"{address}: no Ray cluster could be joined"):
        open_workers(WORK, Tally(), count=1, address=address)


@pytest.mark.ray
def test_actors_of_a_cluster_write_what_threads_do(asked, tmp_path, monkeypatch):
    """The files are the same to the byte, and an error of an actor is that of a thread."""
    loaded, large_model = asked
    lines = write_logs(tmp_path / "logs", 4, 50)
    rows = write_rows(tmp_path / "rows", 4, 50)
    on_ray = Placement(workers=2, address="local")

    import ray

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # no token in the home directory
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        found = [
            run(loaded, spec, tmp_path / f"ray-{number}", placement=on_ray)
            for number, spec in enumerate((lines, rows))
        ]
        (tmp_path / "long").mkdir()
        (tmp_path / "long" / "a.log").write_bytes(b"x" * 50 + b"\n")
        with pytest.raises(Exception, match="more than 0 lines") as caught:
            run(
                loaded,
                InputSpec((str(tmp_path / "long"),), max_line_bytes=20),
                tmp_path / "wrong",
                placement=Placement(workers=1, address="local", most_errors=0),
            )
    finally:
        ray.shutdown()
    expected = [
        run(loaded, spec, tmp_path / f"here-{number}") for number, spec in enumerate((lines, rows))
    ]

    assert type(caught.value).__name__ == "InputError"
    for here, there in zip(expected, found, strict=True):
        assert table(here) == table(there)
        for shard in (here / "parts").iterdir():
            assert shard.read_bytes() == (there / "parts" / shard.name).read_bytes()
    assert large_model.requests
