"""The end of a job: what its units told, put together for people.

facts of units -> one summary -> dead letters, receipt, page; the spool is given up
"""

from __future__ import annotations

import re
import resource
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headgate.batch.certify import NOTE
from headgate.batch.durable import replacing
from headgate.batch.identity import Identity
from headgate.batch.journal import Journal, Planned
from headgate.batch.outputs.dead_letters import DeadLetterWriter
from headgate.batch.outputs.receipt import (
    InputCount,
    LargeModel,
    OutputCount,
    Program,
    Receipt,
    RowCounts,
)
from headgate.batch.outputs.receipt import Work as WorkDone
from headgate.batch.outputs.receipt_files import write_receipt
from headgate.batch.outputs.report import report_page
from headgate.batch.outputs.summary import UnitSummary, merged
from headgate.batch.outputs.summary_json import summary_from_json
from headgate.batch.outputs.texts import template_texts
from headgate.batch.passes import TEMPLATE_COUNT
from headgate.batch.spool import FOLDER
from headgate.cascade.engine import Engine
from headgate.cascade.lm_spec import LmSpec
from headgate.cascade.load import LoadedCascade

REPORT = "report.html"
FINISHED, RUNS = "finished", "runs"
"""Names of notes in the journal."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a job ends with."""

    directory: Path
    identity: Identity
    loaded: LoadedCascade
    engine: Engine
    journal: Journal


def finish(ending: Ending, workers: int, phases_s: Mapping[str, float]) -> None:
    """Write all that is told of a job whose units are written; doing it again changes nothing.

    Args:
        ending: The job.
        workers: How many there were in the last run.
        phases_s: Seconds by phase.

    Raises:
        OSError: The disk is full or fails.
    """
    units = ending.journal.units()
    summary = merged(map(summary_from_json, ending.journal.summaries()))
    DeadLetterWriter(ending.directory).gather()
    receipt = _receipt(ending, units, summary, _work(ending, workers, phases_s))
    with replacing(ending.directory / REPORT) as partial:
        page = report_page(receipt, summary, template_texts(ending.directory))
        partial.write_text(page, encoding="utf-8")
    write_receipt(receipt, ending.directory)
    # The note comes last: a run that finds it does nothing more.
    shutil.rmtree(ending.directory / FOLDER, ignore_errors=True)
    ending.journal.note(FINISHED, receipt.work.finished)


def _receipt(
    ending: Ending, units: Sequence[Planned], summary: UnitSummary, work: WorkDone
) -> Receipt:
    journal, identity = ending.journal, ending.identity
    letters: Counter[str] = Counter()
    for each in units:
        letters.update(each.written["letters"])
    templates = journal.noted(TEMPLATE_COUNT)
    return Receipt(
        program=_program(ending),
        certificate=ending.engine.guarantee.summary(),
        unit="record" if identity.output.grain == "row" else "line",
        rows=RowCounts.of(summary),
        asked=len(journal.answers) if templates is None else templates,
        templates=templates,
        dead_letters=dict(letters.most_common()),
        inputs=_inputs(identity, units),
        output=_output(identity, units),
        large_model=LargeModel(journal.calls.total(), recovered=journal.calls.recovered()),
        work=work,
        batch_statement=(journal.noted(NOTE) or {"statement": ""})["statement"],
    )


def _program(ending: Ending) -> Program:
    models = ending.loaded.spec.models.items()
    large = ((name, spec) for name, spec in models if isinstance(spec, LmSpec))
    asked = {name: getattr(spec, "model", "") or "replay" for name, spec in large}
    return Program(
        cascade=ending.loaded.name,
        revision=ending.engine.revision,
        operation=ending.engine.task.operation,
        headgate=ending.identity.headgate,
        models=asked,
    )


def _inputs(identity: Identity, units: Sequence[Planned]) -> list[InputCount]:
    rows: Counter[str] = Counter()
    for each in units:
        rows[each.unit.file.path] += each.written["rows"]
    return [
        InputCount(file.place, file.size_bytes, rows[file.path], file.fingerprint)
        for file in identity.files
    ]


def _output(identity: Identity, units: Sequence[Planned]) -> OutputCount:
    return OutputCount(
        format=identity.output.format,
        partition_by=identity.output.partition_by,
        shards=sum(each.written["files"] for each in units),
        size_bytes=sum(each.written["size_bytes"] for each in units),
    )


def _work(ending: Ending, workers: int, phases_s: Mapping[str, float]) -> WorkDone:
    return WorkDone(
        started=ending.identity.begun,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=ending.journal.calls.run,
        workers=workers,
        phases_s=phases_s,
        peak_memory_bytes=_peak_memory_bytes(),
    )


def _peak_memory_bytes() -> int:
    """Return the most that this process had resident."""
    # On Linux getrusage also counts what the process that started this one had.
    own = Path("/proc/self/status")
    if own.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", own.read_text(encoding="ascii", errors="replace"))
        if found is not None:
            return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
