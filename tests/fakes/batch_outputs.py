"""Small tables, receipts and finished jobs, made up."""

import pyarrow as pa

from headgate.batch import identity
from headgate.batch.outputs.receipt import (
    InputCount,
    LargeModel,
    OutputCount,
    Program,
    Receipt,
    RowCounts,
    Work,
)
from headgate.batch.outputs.shards import ShardWriter
from headgate.batch.outputs.summary import UnitSummary
from headgate.batch.types import InputFile, InputSpec
from headgate.types import CertificateSummary, GuaranteeState, Usage

CERTIFICATE = CertificateSummary(
    id="c-1",
    kind="agree",
    mode="stream",
    epsilon=0.05,
    delta=0.05,
    certified=True,
    n=500,
    bad=16,
    p_value=0.03,
    automation=0.7,
    labels_needed=0,
    issued="2026-11-27T10:00:00Z",
    state=GuaranteeState.CERTIFIED,
)


def lines(answers, **columns):
    """Return rows of log lines, one an answer: a letter is short for an answer and its template.

    Any column can be given; by default they are lines 1, 2, ... of the file `a.log`, 100 bytes
    long, answered by the small model.
    """
    count = len(answers)
    found = {
        "file": ["a.log"] * count,
        "line": list(range(1, count + 1)),
        "offset": [100 * row for row in range(count)],
        "template_id": [f"t-{answer}" for answer in answers],
        "answer": list(answers),
        "confidence": [0.5] * count,
        "tier": ["small"] * count,
        "degraded": [""] * count,
        "lossy": [False] * count,
    } | columns
    return pa.table({name: _column(name, values) for name, values in found.items()})


def _column(name, values):
    if isinstance(values, pa.Array):
        return values
    if name in ("line", "row", "offset"):
        return pa.array(values, pa.int64())
    array = pa.array(values)
    return array.dictionary_encode() if pa.types.is_string(array.type) else array


def receipt_of(summary=None, **changes):
    """Return a receipt of a job whose rows are those of a summary."""
    fields = {
        "program": Program("logs", "rev-1", "classify_lines", "0.1.0", {"small": "n-grams"}),
        "certificate": CERTIFICATE,
        "unit": "line",
        "rows": RowCounts.of(summary or UnitSummary()),
        "asked": 3,
        "templates": 3,
        "dead_letters": {"HEADER_MISMATCH": 2},
        "inputs": [InputCount("a.log", 2048, 10, "f-1")],
        "output": OutputCount("parquet", "", 1, 512),
        "large_model": LargeModel(Usage(4, 1000, 50, 0.25), cached=1, budget_usd=5.0),
        "work": Work(
            started="2026-11-27T10:00:00Z",
            finished="2026-11-27T10:00:05Z",
            runs=1,
            workers=2,
            phases_s={"reading": 1.5, "writing": 0.5},
            peak_memory_bytes=100 * 1024 * 1024,
        ),
    }
    return Receipt(**(fields | changes))


def finished_job(directory, units, *, form="parquet", by="", places=("a.log",), **spec):
    """Write the directory of a finished job; return it.

    Args:
        directory: Where.
        units: The rows of each unit.
        form: Format of the shards.
        by: Partition of the shards.
        places: Its input files; the fingerprint of each is its name.
        spec: Of the input, where it is not the default.
    """
    directory.mkdir(parents=True)
    files = [InputFile(place, place, 0, 9, "text", None, f"f-{place}", 0.0) for place in places]
    identity.begin(
        directory,
        identity.Identity(
            cascade=identity.CascadeIdentity("logs", "c.yaml", "fitted", "rev-1", "art-1"),
            spec=InputSpec(**({"patterns": (str(directory),)} | spec)),
            files=tuple(files),
            output=identity.OutputIdentity("template", form, by, certify=False),
        ),
    )
    writer = ShardWriter(directory / "parts", form, partition_by=by)
    for number, table in enumerate(units):
        writer.write(number, [table])
    (directory / "receipt.json").write_text("{}")
    return directory
