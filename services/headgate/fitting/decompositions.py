"""Questions with the steps that somebody cut them into, and the splitter that learns from them.

{"question", "steps"} of JSON Lines  ->  DecomposedQuestion  ->  splitter and its token encoder
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headgate.domains.questions.plan import validated
from headgate.domains.rows import read_objects
from headgate.errors import HeadgateError, InputError
from headgate.fitting.splitter import DecomposedQuestion, train_splitter
from headgate.models.source import EncoderSource
from headgate.models.token_encoder import OpenVinoTokenEncoder
from headgate.models.token_export import write_token_encoder
from headgate.stages.decompose import SpanPlanner
from headgate.types import PlanStep

QUESTION, STEPS = "question", "steps"


def read_decompositions(path: Path) -> list[DecomposedQuestion]:
    """Return the decomposed questions of a JSON Lines file.

    Raises:
        InputError: The file cannot be read, or a row is wrong; with `file:line`.
    """
    return [_decomposed(row, place) for place, row in read_objects(path)]


def fit_splitter(
    source: EncoderSource, questions: list[DecomposedQuestion], directory: Path
) -> SpanPlanner:
    """Train a splitter, write it with the encoder that it reads through, and open both.

    Raises:
        InputError: There are too few questions of a kind.
        ModelError: The encoder cannot be converted.
    """
    write_token_encoder(source, directory)
    encoder = OpenVinoTokenEncoder(directory)
    splitter = train_splitter(questions, encoder)
    splitter.save(directory)
    return SpanPlanner(splitter, encoder)


def _decomposed(row: Mapping[str, Any], place: str) -> DecomposedQuestion:
    question, steps = row.get(QUESTION), row.get(STEPS)
    if not isinstance(question, str) or not question.strip():
        raise InputError(place, f"{QUESTION!r} is missing or no text", "Write the question.")
    if not isinstance(steps, list) or not all(isinstance(each, str) for each in steps):
        remedy = "Write its steps in order, `#1` for the answer of the first."
        raise InputError(place, f"{STEPS!r} is no list of texts", remedy)
    try:
        plan = validated([PlanStep(number, text) for number, text in enumerate(steps, 1)])
    except HeadgateError as error:
        problem = f"{error.place}: {error.problem}"
        raise InputError(place, problem, error.remedy) from None
    return DecomposedQuestion(question, tuple(step.text for step in plan.steps))
