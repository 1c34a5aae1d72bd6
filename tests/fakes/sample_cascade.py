"""The sample cascade that ships with the repository, fitted on a few of its rows.

cascades/log_analysis -> a copy with its own artifact, name and placement -> LoadedCascade
"""

from __future__ import annotations

import shutil
from pathlib import Path

from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.rows import LabelledRecord, read_labelled
from headgate.fitting.fit import Rows, fit_cascade
from headgate.types import Record

SAMPLE = Path(__file__).parents[2] / "cascades" / "log_analysis"
_ARTIFACT = "../../artifacts/log_analysis"


def fit_sample(folder: Path) -> LoadedCascade:
    """Return the sample: an int8 encoder, a case store, recorded answers, a certificate.

    It is fitted on 80 rows. With 40 development rows too few are left to certify; 120 will do.
    """
    loaded = copy_sample(folder)
    fit_cascade(loaded, Rows(_rows(loaded, "train")[:80], _rows(loaded, "dev")[:120]))
    return loaded


def copy_sample(
    folder: Path,
    *,
    name: str = "log_analysis",
    placement: str = "inline",
    artifact: str = "fitted",
) -> LoadedCascade:
    """Copy the sample's folder and change its file.

    Args:
        folder: Where to.
        name: The cascade's.
        placement: The encoder's. An artifact does not depend on it.
        artifact: The fitted directory.
    """
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    file = folder / "cascade.yaml"
    content = file.read_text(encoding="utf-8")
    content = content.replace(f"artifact: {_ARTIFACT}", f"artifact: {artifact}")
    content = content.replace("placement: inline", f"placement: {placement}")
    file.write_text(content.replace("name: log_analysis", f"name: {name}"), encoding="utf-8")
    return load_cascade(file)


def sample_records(loaded: LoadedCascade, count: int) -> list[Record]:
    """Return the first test rows; for each an answer is recorded."""
    return [row.record for row in _rows(loaded, "test")[:count]]


def _rows(loaded: LoadedCascade, part: str) -> list[LabelledRecord]:
    return read_labelled(SAMPLE / "sample" / f"{part}.jsonl", task_of(loaded))
