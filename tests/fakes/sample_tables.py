"""The schema matching sample that ships with the repository, fitted on its columns.

cascades/schema_matching -> a copy with its own artifact -> LoadedCascade
tables of its test rows -> as callers have them
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.tasks import read_labels
from headgate.fitting.fit import Rows, fit_cascade
from headgate.matches import GivenColumn, GivenTable

SAMPLE = Path(__file__).parents[2] / "cascades" / "schema_matching"
_ARTIFACT = "../../artifacts/schema_matching"


def fit_tables(folder: Path) -> LoadedCascade:
    """Return the sample, fitted as its walk-through does."""
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    file = folder / "cascade.yaml"
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace(f"artifact: {_ARTIFACT}", "artifact: fitted"), encoding="utf-8")
    loaded = load_cascade(file)
    train, development = (
        read_labels(SAMPLE / "sample" / f"{part}.jsonl", task_of(loaded))
        for part in ("train", "dev")
    )
    fit_cascade(loaded, Rows(train, development))
    return loaded


def sample_target() -> GivenTable:
    """Return the target as a dictionary of columns."""
    content = json.loads((SAMPLE / "sample" / "target.json").read_text(encoding="utf-8"))
    columns = [
        GivenColumn(name, tuple(of["values"]), of["description"]) for name, of in content.items()
    ]
    return GivenTable("target", columns=tuple(columns))


def sample_sources() -> dict[str, GivenTable]:
    """Return the tables of the test rows, as CSV, by id."""
    return {
        row["id"]: GivenTable(row["id"], csv=(SAMPLE / "sample" / row["source"]).read_bytes())
        for row in _rows()
    }


def sample_matches() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the right targets by source column, by the id of the table."""
    return {row["id"]: row["matches"] for row in _rows()}


def _rows() -> list[dict]:
    lines = (SAMPLE / "sample" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
