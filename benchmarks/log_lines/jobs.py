"""Whole batch jobs as people run them: a cascade for lines, and commands over files.

LogLines -> fit -> cascade.yaml;  files -> headgate batch run, in a process of its own -> JobRun
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from headgate.cascade.assemble import task_of
from headgate.cascade.load import load_cascade
from headgate.domains.rows import read_labelled
from headgate.fitting.fit import Rows, fit_cascade
from log_lines.lines import LogLines

JOB_TIMEOUT_S = 3_600
RAY_WORKERS = ("--address", "local", "--workers", "2")

_PROGRAM = Path(__file__).with_name("job_program.py")
_LABELLED = 6_000
_TRAIN_SHARE = 0.8
_FAULT = re.compile(rb"(?i)fail|error|exception|invalid|denied|unable|unreachable|lost|refused")
_CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: throughput, description: Does this line tell of a fault?}
spec:
  domain: logs
  task: {operation: classify_lines, labels: [normal, fault]}
  artifact: ./artifact
  models: {small: {kind: ngrams}}
  flow: [{name: triage, kind: classify, model: small}]
"""


@dataclass(frozen=True, slots=True)
class JobRun:
    """What one job took."""

    lines: int
    """In its output."""
    wall_s: float
    """From the start of the command to its end: with imports and, for Ray, the cluster's start."""
    work_s: float
    """Of that, reading, answering and writing, as the job's receipt says it."""
    peak_rss_mb: float
    """Of its process, without the workers of Ray."""
    written_mb: float
    """Its output."""

    @property
    def lines_per_s(self) -> float:
        """Return the lines a second of the whole command."""
        return self.lines / self.wall_s

    @property
    def work_lines_per_s(self) -> float:
        """Return the lines a second of the work."""
        return self.lines / self.work_s


def fit(lines: LogLines, folder: Path) -> Path:
    """Write a cascade of one n-gram classifier, fit it on made-up lines, and return its file."""
    path = folder / "cascade.yaml"
    path.write_text(_CASCADE, encoding="utf-8")
    loaded = load_cascade(path)
    found = [_labelled(line) for line in pa.chunked_array(lines.contents(_LABELLED)).to_pylist()]
    cut = int(len(found) * _TRAIN_SHARE)
    parts = []
    for name, rows in (("train", found[:cut]), ("dev", found[cut:])):
        file = folder / f"{name}.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        parts.append(read_labelled(file, task_of(loaded)))
    fit_cascade(loaded, Rows(*parts))
    return path


def run_job(cascade: Path, inputs: Path, output: Path, options: Sequence[str] = ()) -> JobRun:
    """Run `headgate batch run` and return what it took; its output stays.

    Args:
        cascade: The file; it is fitted.
        inputs: Folder of files with log4j's headers.
        output: Directory that is not there yet.
        options: Further ones of the command line.

    Raises:
        CalledProcessError: The command failed.
    """
    command = ["batch", "run", str(cascade), "--input", str(inputs), "--output", str(output)]
    command += ["--line-format", "log4j", "--no-progress", *options]
    started = time.perf_counter()
    peak_rss_bytes = _run(command)
    wall_s = time.perf_counter() - started
    receipt = json.loads((output / "receipt.json").read_text(encoding="utf-8"))
    return JobRun(
        lines=receipt["rows"]["total"],
        wall_s=wall_s,
        work_s=receipt["elapsed_s"],
        peak_rss_mb=peak_rss_bytes / 1_000_000,
        written_mb=receipt["output"]["size_bytes"] / 1_000_000,
    )


def _run(arguments: Sequence[str]) -> int:
    """Run a command line of headgate, and return the most bytes that were resident."""
    command = [sys.executable, "-P", str(_PROGRAM), *arguments]
    output = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=JOB_TIMEOUT_S, text=True, check=True
    ).stdout
    return int(output.splitlines()[-1])


def _labelled(line: bytes) -> dict[str, str]:
    label = "fault" if _FAULT.search(line) else "normal"
    return {"line": line.decode("utf-8", "replace"), "label": label}
