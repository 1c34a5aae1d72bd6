"""Questions as records, with their right answers where they are known.

{"id"?, "question", "answers"?}  ->  Record of one field  ->  LabelledQuestion
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headgate.domains.questions.answers import exact_match, normalise
from headgate.domains.rows import (
    LabelledRecord,
    read_objects,
    record_of,
    refuse_repeated_ids,
)
from headgate.errors import InputError
from headgate.types import Record

ANSWER_QUESTIONS: Final = "answer_questions"
QUESTION, CONTEXT, ANSWERS = "question", "context", "answers"
NO_CONTEXT = "none"
"""What a step has as its context when passages would not help it."""

MOST_CHARS = 100_000
"""Of a question; what is said of a longer one is a document and not a question."""

_READS = f"{ANSWER_QUESTIONS} reads {QUESTION!r} and nothing else."


@dataclass(frozen=True, slots=True)
class LabelledQuestion(LabelledRecord):
    """A question whose right answers are known."""

    def accepts(self, answer: str) -> bool:
        """Return whether an answer is right but for case, punctuation and articles."""
        return exact_match(answer, (self.label, *self.also))


@dataclass(frozen=True, slots=True)
class QuestionTask:
    """What is the answer?"""

    operation: str = ANSWER_QUESTIONS
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = (QUESTION,)
    optional_fields: tuple[str, ...] = ()

    def options(self, record: Record) -> tuple[str, ...]:
        """Return nothing: any short text may be the answer."""
        del record
        return ()

    def cell(self, value: object, place: str) -> object:
        """Return the value as it is."""
        del place
        return value

    def canonical(self, answer: str) -> str:
        """Return the answer without case, punctuation and articles."""
        return normalise(answer)

    def check(self, record: Record) -> None:
        """Refuse a record that is no question.

        Raises:
            InputError: The question is missing, blank or too long, or there is something else.
        """
        place = f"record {record.id!r}"
        question = record.fields.get(QUESTION, "")
        if not question.strip():
            raise InputError(place, f"field {QUESTION!r} is missing or blank", _READS)
        if len(question) > MOST_CHARS:
            problem = f"the question has {len(question)} characters"
            raise InputError(place, problem, f"Send at most {MOST_CHARS}.")
        unknown = record.fields.keys() - {QUESTION}
        if unknown:
            raise InputError(place, f"field {min(unknown)!r} is not known", _READS)
        if record.candidates:
            raise InputError(place, "it has candidates, and any text may answer", _READS)

    def query_text(self, record: Record) -> str:
        """Return the question."""
        return record.fields[QUESTION]


@dataclass(frozen=True, slots=True)
class StepTask(QuestionTask):
    """What is the answer to one step of a plan? Its record may say that it needs no context."""

    def check(self, record: Record) -> None:
        """Do nothing: a plan was checked as a whole."""


def read_labelled_questions(path: Path) -> list[LabelledRecord]:
    """Return the questions of a JSON Lines file, each with its right answers.

    Raises:
        InputError: The file cannot be read, a row is wrong, or two rows have one id; with
            `file:line`.
    """
    rows = read_objects(path)
    labelled: list[LabelledRecord] = []
    for place, row in rows:
        label, *also = _answers(row, place)
        record = record_of(row, QuestionTask(), place)
        labelled.append(LabelledQuestion(record, label, also=tuple(also)))
    refuse_repeated_ids(rows, [each.record for each in labelled])
    return labelled


def _answers(row: Mapping[str, Any], place: str) -> list[str]:
    """Return the right answers, at least one."""
    value = row.get(ANSWERS)
    answers = [value] if isinstance(value, str) else value
    filled = isinstance(answers, list) and all(
        isinstance(each, str) and each.strip() for each in answers
    )
    if not filled or not answers:
        found = "is no list of texts" if ANSWERS in row else "is missing"
        remedy = "Write the right answers, each as people put it."
        raise InputError(place, f"{ANSWERS!r} {found}", remedy)
    return list(answers)
