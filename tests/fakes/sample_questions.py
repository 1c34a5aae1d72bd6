"""The question answering sample that ships with the repository: indexed, and fitted on it.

cascades/question_answering -> a copy with its own index and artifact -> LoadedCascade
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from headgate.batch import corpus
from headgate.batch.types import InputSpec
from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.tasks import read_labels
from headgate.fitting.fit import Rows, fit_cascade
from headgate.questions import GivenQuestion

SAMPLE = Path(__file__).parents[2] / "cascades" / "question_answering"


def fit_questions(folder: Path, file: str = "cascade.yaml") -> LoadedCascade:
    """Return the sample, indexed and fitted as its walk-through does."""
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    content = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(content.replace("../../artifacts/", "./made_"), encoding="utf-8")
    loaded = load_cascade(folder / file)
    for directory in loaded.corpora.values():
        rows = InputSpec((str(SAMPLE / "sample" / "corpus.jsonl"),))
        corpus.build(Path(directory), rows, corpus.EncoderChoice())
    train, development = (
        read_labels(SAMPLE / "sample" / f"{part}.jsonl", task_of(loaded))
        for part in ("train", "dev")
    )
    fit_cascade(loaded, Rows(train, development))
    return loaded


def sample_questions() -> list[GivenQuestion]:
    """Return the questions of the test rows."""
    return [GivenQuestion(row["id"], row["question"]) for row in _rows()]


def sample_answers() -> dict[str, list[str]]:
    """Return the right answers of the test rows, by id."""
    return {row["id"]: row["answers"] for row in _rows()}


def _rows() -> list[dict]:
    lines = (SAMPLE / "sample" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
