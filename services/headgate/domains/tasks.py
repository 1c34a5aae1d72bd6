"""Every operation there is, and who asks it.

operation, labels  ->  the task of what callers send, the task of one unit
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from headgate.domains.logs import LogTask, Operation
from headgate.domains.news import JUDGE_NEWS, NewsTask
from headgate.domains.questions.task import (
    ANSWER_QUESTIONS,
    QuestionTask,
    read_labelled_questions,
)
from headgate.domains.rows import LabelledRecord, read_labelled
from headgate.domains.schemas.columns import Table
from headgate.domains.schemas.label_task import LABEL_COLUMNS, LabelTask
from headgate.domains.schemas.match_record import ColumnRecord
from headgate.domains.schemas.match_task import MATCH_COLUMNS, MatchTask, TableTask
from headgate.domains.schemas.rows import read_labelled_tables
from headgate.domains.task import Task, TextTask
from headgate.errors import NotFoundError
from headgate.types import Record

LOG_OPERATIONS: tuple[Operation, ...] = get_args(Operation)


def task_named(operation: str, labels: tuple[str, ...]) -> Task:
    """Return the task of what callers send.

    Raises:
        NotFoundError: There is no such operation.
    """
    if operation == ANSWER_QUESTIONS:
        return QuestionTask()
    return TableTask() if operation == MATCH_COLUMNS else text_task_named(operation, labels)


def unit_task_named(operation: str, labels: tuple[str, ...]) -> Task:
    """Return the task of one unit: of a record, or of a part of what it fans out to.

    Raises:
        NotFoundError: There is no such operation.
    """
    if operation == MATCH_COLUMNS:
        return MatchTask()
    return task_named(operation, labels)


def text_task_named(operation: str, labels: tuple[str, ...]) -> TextTask:
    """Return a task that a classifier of texts answers.

    Raises:
        NotFoundError: There is no such operation.
    """
    for known in LOG_OPERATIONS:
        if operation == known:
            return LogTask(known, labels)
    if operation == LABEL_COLUMNS:
        return LabelTask(labels)
    if operation == JUDGE_NEWS:
        return NewsTask(labels)
    raise NotFoundError("operation", f"{operation!r} is not known here", "Update Headgate.")


def read_labels(path: Path, task: Task) -> list[LabelledRecord]:
    """Return the labelled units of a JSON Lines file: its records, or the columns of its tables.

    Raises:
        InputError: The file cannot be read, or a row is wrong; with `file:line`.
    """
    if isinstance(task, TableTask):
        return read_labelled_tables(path, task)
    if isinstance(task, QuestionTask):
        return read_labelled_questions(path)
    return read_labelled(path, task)


def content_of(record: Record) -> tuple[dict[str, str], list[list[str]]]:
    """Return all that a model can read of a record: its texts, and what it chooses from.

    Tables are there by their hashes: of the column itself, and of the target.
    """
    if isinstance(record, ColumnRecord):
        own = Table("", (record.column,)).content_hash
        return dict(record.fields), [[own, record.target.content_hash]]
    return dict(record.fields), [[each.id, each.text] for each in record.candidates]
