"""Kills a batch job at random moments and resumes it, until it is done.

job without a kill -> rows;  job with kills -> the same rows, no half-written file, nothing bought
twice

The moments are drawn from a seed: in time; inside a commit, as soon as a hidden file of it is seen;
and while the large model is asked. Run it as `python tests/chaos/batch_kill.py [KILLS] [SEED]`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from fakes.batch_jobs import Row, endpoint, letters, live, table, write_logs, write_rows
from fakes.fitted_parts import fit_parts
from fakes.openai_endpoint import FakeEndpoint
from headgate.batch.database import FILE as JOURNAL
from headgate.batch.types import InputSpec
from headgate.cascade.load import LoadedCascade

PROGRAM = Path(__file__).with_name("batch_job.py")
FILES, LINES = 24, 40
CONCURRENCY = 2
"""Calls in flight at most: so many may be lost with each kill."""
TIMEOUT_S = 60.0
WRITE: dict[str, Callable[[Path, int, int], InputSpec]] = {"lines": write_logs, "rows": write_rows}


@dataclass
class Chaos:
    """One job that is killed again and again."""

    endpoint: FakeEndpoint
    loaded: LoadedCascade
    source: Path
    target: Path
    rng: random.Random
    kills: int = 0
    lost: int = 0
    """Calls that were sent and whose answers were not written down, up to the last kill."""

    def run_whole(self) -> float:
        """Let the job end by itself; return how long it took, in seconds, without its start."""
        process = self._start()
        since_s = time.monotonic()
        process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        assert self._unwritten() == self.lost, "an answer was bought twice"
        return time.monotonic() - since_s

    def kill(self, times: int, duration_s: float) -> None:
        """Kill the job so often; one that was done before begins again in another directory."""
        while self.kills < times:
            if self._killed(duration_s):
                self.kills += 1
                self._check()
            else:
                self.target = self.target.with_name(f"{self.target.name}-again")
                self.endpoint.requests.clear()
                self.lost = 0

    def _killed(self, duration_s: float) -> bool:
        """Start the job and kill it; return False when it was done before."""
        process = self._start()
        try:
            # Parts of the whole time only: each run goes on where the one before was killed.
            match self.rng.choice(("moment", "commit", "call")):
                case "moment":
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(self.rng.uniform(0.0, duration_s / 3))
                case "commit":
                    self._wait_for_commit(process, self.rng.randrange(1, FILES))
                case _:
                    self._wait_for_calls(process, self.rng.randrange(1, 5))
        finally:
            process.kill()
            process.communicate(timeout=TIMEOUT_S)
        assert process.returncode in (0, -signal.SIGKILL)
        return process.returncode != 0

    def _start(self) -> subprocess.Popen[str]:
        paths = map(str, (self.loaded.path, self.source, self.target))
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(PROGRAM), *paths],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def _wait_for_commit(self, process: subprocess.Popen[str], number: int) -> None:
        """Wait until so many different files were on their way to their place."""
        seen: set[str] = set()
        while len(seen) < number and process.poll() is None:
            for folder in ("spool", "parts"):
                with contextlib.suppress(FileNotFoundError):  # not made yet
                    names = os.listdir(self.target / folder)
                    seen.update(name for name in names if name.endswith(".partial"))

    def _wait_for_calls(self, process: subprocess.Popen[str], number: int) -> None:
        """Wait until the large model was asked so often; whether it has answered is chance."""
        wanted = len(self.endpoint.requests) + number
        while len(self.endpoint.requests) < wanted and process.poll() is None:
            time.sleep(0.0005)

    def _unwritten(self) -> int:
        """Return how many calls were made whose answers are not written down."""
        asked, path = len(self.endpoint.requests), self.target / JOURNAL
        if not path.exists():
            return asked
        with closing(sqlite3.connect(path)) as connection:
            try:
                return asked - connection.execute("SELECT COUNT(*) FROM calls").fetchone()[0]
            except sqlite3.OperationalError:  # killed before there was such a table
                return asked

    def _check(self) -> None:
        """See that what is under its final name is whole, and that only open calls were lost."""
        for shard in self.target.glob("parts/part-*"):
            pq.read_table(shard)
        unwritten = self._unwritten()
        assert unwritten - self.lost <= CONCURRENCY, "an answer was bought twice"
        self.lost = unwritten


@dataclass(frozen=True, slots=True)
class Outcome:
    """What two jobs over the same input wrote."""

    whole: list[Row]
    killed: list[Row]
    whole_letters: list[Row]
    killed_letters: list[Row]
    kills: int
    lost_calls: int


def kill_and_resume(folder: Path, kind: str, *, kills: int, seed: int) -> Outcome:
    """Run a job without and with kills.

    Args:
        folder: Where everything goes.
        kind: `lines` or `rows`.
        kills: How often the second one is killed.
        seed: Of the moments.
    """
    fitted, source = fit_parts(folder / "fitted"), folder / "input"
    WRITE[kind](source, FILES, LINES)
    rng = random.Random(seed)  # noqa: S311 - moments of kills
    with endpoint() as asked:
        loaded = live(folder / "live", fitted, asked.base_url, CONCURRENCY)
        whole = Chaos(asked, loaded, source, folder / "whole", rng)
        duration_s = whole.run_whole()
        asked.requests.clear()
        killed = Chaos(asked, loaded, source, folder / "killed", rng)
        killed.kill(kills, duration_s)
        killed.run_whole()
    rows = table(whole.target), table(killed.target)
    wrong = letters(whole.target), letters(killed.target)
    return Outcome(*rows, *wrong, killed.kills, killed.lost)


def main(kills: int = 20, seed: int = 7) -> None:
    """Kill a job of lines and one of rows, each so often."""
    for kind in WRITE:
        with tempfile.TemporaryDirectory() as folder:
            found = kill_and_resume(Path(folder), kind, kills=kills, seed=seed)
        assert found.killed == found.whole, f"{kind}: other rows than without a kill"
        assert found.killed_letters == found.whole_letters, f"{kind}: other dead letters"
        print(
            f"{kind}: {found.kills} kills, the same {len(found.whole):,} rows, "
            f"{found.lost_calls} calls lost on the way, none bought twice"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
