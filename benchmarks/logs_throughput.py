"""How many log lines a second: templates alone, and whole batch jobs with a verdict a line.

DATA/logs/loghub_*_2k.csv.gz, seed -> lines -> templates (ours, drain3's)
                                            -> files -> headgate batch run -> one JSON object

mining_lines_per_s      All lines in memory -> the template of each, on two threads. drain3 gets the
    first of them, on its one thread; with the masks that its documentation shows, as where its
    accuracy is measured. Without, it is faster at first and finds many more templates.
end_to_end_lines_per_s  Files of gzip -> Parquet with template, verdict and confidence of each line,
    by a cascade of one n-gram classifier. As the receipts say: reading, answering and writing.
    `command_lines_per_s` is the same for the whole command, with Python's start and imports and,
    with two workers, the start of a Ray cluster.
peak_rss_mb_10m, _50m   Most memory that the process of the job had, for that many lines: `--lines`
    and five times as many.

Medians of three runs, but for the largest job. The outputs of all jobs of `--lines` on the same
files have to be the same, byte by byte.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Last, so that grpc.py beside this file does not hide the library of that name.
sys.path.append(str(Path(__file__).parent))

from log_lines.jobs import RAY_WORKERS, JobRun, fit, run_job
from log_lines.lines import LogLines
from log_lines.mining import drain3_rates, mining_rate
from log_lines.sets import find_sets

SEED = 7
RUNS = 3
MANY = 5
"""Times as many lines as elsewhere, in the largest job."""
DISK_BYTES_A_LINE = 150
"""Room that files, spool and output of a job take, at most."""

Figures = dict[str, float]


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=10_000_000, help="fewer for a quick trial")
    parser.add_argument("--drain3-lines", type=int, default=1_000_000, help="what drain3 gets")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logs-throughput-") as name:
        problem = missing(arguments.data, Path(name), arguments.lines)
        if problem:
            print(problem, file=sys.stderr)
            return 2
        count = arguments.lines
        mined = mining_figures(arguments.data, count, min(count, arguments.drain3_lines))
        print(json.dumps(mined | job_figures(arguments.data, Path(name), count)))
    return 0


def missing(data: Path, folder: Path, count: int) -> str:
    """Return what is not there that this needs; empty when everything is."""
    if not find_sets(data):
        return f"{data}: no logs/loghub_*_2k.csv.gz. Name the data folder."
    wanted, free = MANY * count * DISK_BYTES_A_LINE, shutil.disk_usage(folder).free
    if free < wanted:
        return (
            f"{folder.parent}: {free / 1e9:.1f} GB are free, and {wanted / 1e9:.1f} GB are needed. "
            "Set TMPDIR to another disk, or ask for fewer --lines."
        )
    return ""


# --- templates ---------------------------------------------------------------------------------


def mining_figures(data: Path, count: int, sample: int) -> Figures:
    """Return how fast templates are found, by us and by drain3."""
    ours = []
    for _ in range(RUNS):
        # One process a run: a second run in the same would know the shapes of the first.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            ours.append(pool.submit(mining_rate, data, SEED, count).result())
        note(f"templates of {count:,} lines: {ours[-1]:,.0f} lines/s")
    theirs = drain3_rates(LogLines(data, SEED), sample)
    for masking, rate in theirs.items():
        note(f"drain3 on {sample:,} lines, masks {masking}: {rate:,.0f} lines/s")
    return {
        "mining_lines_per_s": round(statistics.median(ours)),
        "drain3_lines_per_s": round(theirs["documented"]),
        "mining_to_drain3_ratio": round(statistics.median(ours) / theirs["documented"], 1),
        "drain3_lines_per_s_without_masks": round(theirs["none"]),
    }


# --- jobs --------------------------------------------------------------------------------------


def job_figures(data: Path, folder: Path, count: int) -> Figures:
    """Return how fast whole jobs are, and what memory they take."""
    lines, jobs = LogLines(data, SEED), Jobs(folder)
    cascade = fit(lines, folder)
    jobs.make(lines, count, compressed=False)
    plain = [jobs.run(cascade, "plain files") for _ in range(RUNS)]
    jobs.make(lines, count, compressed=True)
    here, on_ray = [], []
    for _ in range(RUNS):
        here.append(jobs.run(cascade, "gzip"))
        on_ray.append(jobs.run(cascade, "gzip, two workers of Ray", RAY_WORKERS))
    jobs.make(lines, MANY * count, compressed=True)
    largest = jobs.run(cascade, f"gzip, {MANY} times as many lines")
    return {
        "end_to_end_lines_per_s": median(here),
        "end_to_end_lines_per_s_two_workers": median(on_ray),
        "peak_rss_mb_10m": round(max(each.peak_rss_mb for each in here)),
        "peak_rss_mb_50m": round(largest.peak_rss_mb),
        "end_to_end_lines_per_s_plain": median(plain),
        "end_to_end_lines_per_s_50m": median([largest]),
        "command_lines_per_s": round(statistics.median(each.lines_per_s for each in here)),
        "command_lines_per_s_two_workers": round(
            statistics.median(each.lines_per_s for each in on_ray)
        ),
        "lines": count,
    }


class Jobs:
    """Jobs on the same files, whose outputs have to be the same."""

    def __init__(self, folder: Path) -> None:
        self._inputs, self._output = folder / "inputs", folder / "output"
        self._first = folder / "first"

    def make(self, lines: LogLines, count: int, *, compressed: bool) -> None:
        """Write the files that the next jobs read, in the place of the earlier ones."""
        for place in (self._inputs, self._first):
            shutil.rmtree(place, ignore_errors=True)
        self._inputs.mkdir()
        self._count, started = count, time.perf_counter()
        files = lines.write(self._inputs, count, compressed=compressed)
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        taken_s = time.perf_counter() - started
        note(f"made {count:,} lines in {len(files)} files, {size_mb:,.0f} MB, in {taken_s:.0f} s")

    def run(self, cascade: Path, name: str, options: Sequence[str] = ()) -> JobRun:
        """Return what a job took.

        Raises:
            RuntimeError: Lines are missing, or it wrote something else than an earlier one.
        """
        done = run_job(cascade, self._inputs, self._output, options)
        note(
            f"job, {name}: {done.work_lines_per_s:,.0f} lines/s, with the start of the command "
            f"{done.lines_per_s:,.0f}; {done.peak_rss_mb:,.0f} MB of memory, "
            f"{done.written_mb:,.1f} MB written"
        )
        if done.lines != self._count:
            raise RuntimeError(f"{done.lines} lines came out of {self._count}")
        self._compare()
        return done

    def _compare(self) -> None:
        """Keep the first output on some files, and compare those of further jobs with it."""
        parts = self._output / "parts"
        if not self._first.exists():
            parts.rename(self._first)
        elif not same_files(parts, self._first):
            raise RuntimeError("two jobs on the same files wrote different parts")
        shutil.rmtree(self._output)


def same_files(folder: Path, other: Path) -> bool:
    """Return whether two folders have the same files, byte by byte."""
    names = sorted(path.name for path in folder.iterdir())
    if names != sorted(path.name for path in other.iterdir()):
        return False
    return all(filecmp.cmp(folder / name, other / name, shallow=False) for name in names)


def median(runs: Sequence[JobRun]) -> int:
    """Return the median of the lines a second of the work."""
    return round(statistics.median(each.work_lines_per_s for each in runs))


def note(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
