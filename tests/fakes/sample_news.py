"""The news advising sample that ships with the repository, fitted on it.

cascades/news_advising -> a copy with its own artifact -> LoadedCascade
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.rows import LabelledRecord
from headgate.domains.tasks import read_labels
from headgate.fitting.fit import Rows, fit_cascade

SAMPLE = Path(__file__).parents[2] / "cascades" / "news_advising"


def fit_news(
    folder: Path, change: Callable[[Path], None] = lambda recordings: None
) -> LoadedCascade:
    """Return the sample, fitted as its walk-through does, on half of the training rows.

    Args:
        folder: Where its copy is made.
        change: What is done to the copy's recorded advice before.
    """
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    change(folder / "sample" / "recordings.jsonl")
    file = folder / "cascade.yaml"
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace("../../artifacts/", "./made_"), encoding="utf-8")
    loaded = load_cascade(file)
    fit_cascade(loaded, Rows(sample_rows("train")[:80], sample_rows("dev")))
    return loaded


def sample_rows(part: str) -> list[LabelledRecord]:
    """Return the labelled rows of a part of the sample."""
    task = task_of(load_cascade(SAMPLE / "cascade.yaml"))
    return read_labels(SAMPLE / "sample" / f"{part}.jsonl", task)
