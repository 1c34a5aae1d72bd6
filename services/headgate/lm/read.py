"""The question what the answer to a question is, as a short span.

ReadRequest(question, passages, steps)  ->  prompt, schema
    ->  answer text  ->  ReadAnswer(span, ids of the passages it rests on)
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import Block, Message, build_messages, visible, visible_line
from headgate.lm.schema import inert, read_marked, read_object, strict_format
from headgate.lm.seam import hash_content
from headgate.types import Hit

MAX_PASSAGE_CHARS = 2_000
"""Longest text of a passage, counted after escaping."""
MAX_TITLE_CHARS = 200
"""Longest title of a passage, counted after escaping."""
MAX_SPAN_CHARS = 500
"""Longest answer that leaves."""
MOST_SPANS = 5
"""Texts of a list that are joined to one answer."""

ABSTENTIONS = frozenset(
    {
        *("", "unknown", "unanswerable", "not known", "no answer", "noanswer", "n/a"),
        *("not in the passages", "not in the passage", "not in passages", "not found"),
        *("not mentioned", "not stated", "not specified", "not provided", "not available"),
        *("not applicable", "not answerable"),
        *("no information", "insufficient information", "not enough information"),
        *("i don't know", "i do not know", "cannot be determined", "cannot tell"),
    }
)
"""What stands for no answer, in lower case and without punctuation around it; also as the first
sentence of an answer."""

_AROUND = string.whitespace + string.punctuation + "“”‘’"  # noqa: RUF001 - the quotes are meant
_EMPHASIS = " \t\"'`*_"


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer that was read."""

    answer: str
    """One inert line of at most `MAX_SPAN_CHARS`; empty when the model abstained."""
    passages: tuple[str, ...] = ()
    """Ids of the passages that it rests on by the model's own word, each once."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A question that a large model is to answer; a `Question[ReadAnswer]`."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words. Trusted, unlike everything below."""
    question: str
    passages: tuple[Hit, ...] = ()
    """With `title` as metadata where there is one; ids are not shown, but numbers from 1."""
    steps: tuple[tuple[str, str], ...] = ()
    """Questions on the way to this one, each with its answer."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the record's id."""
        return (self.record_id,)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what a span and two numbers take."""
        return 60

    @property
    def weighed(self) -> str:
        """Return the key of the answer: its log-probability is wanted, not that of the numbers."""
        return "answer"

    @property
    def temperature(self) -> float:
        """Return 0: the likeliest answer."""
        return 0.0

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`.

        The record's id and similarities are left out; the passages' ids are part of the answer.
        """
        content = {
            "kind": "read",
            "model": model,
            "instruction": self.instruction,
            "question": self.question,
            "passages": [hashed_passage(hit) for hit in self.passages],
            "steps": self.steps,
        }
        return hash_content(content)

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages(list(self._words()), self._blocks(), fault)

    def response_format(self) -> dict[str, object]:
        """Return the schema; passages are numbered only where there are any."""
        properties: dict[str, object] = {"answer": {"type": "string"}}
        if self.passages:
            number = {"type": "integer", "minimum": 1, "maximum": len(self.passages)}
            properties["passages"] = {"type": "array", "items": number}
        return strict_format("answer", properties)

    def parse(self, text: str) -> ReadAnswer:
        """Return the answer in `text`.

        Two forms are read: a JSON object at the start, or free text whose last `Answer: X` counts
        and which names no passages. A list of texts is joined by commas. What stands for no answer
        (`ABSTENTIONS`) becomes an empty one, that rests on nothing; numbers of passages that were
        not shown are left out.

        Raises:
            LmAnswerError: Anything else; the problem names the `AnswerFault`.
        """
        answer = read_object(text)
        if answer is None:
            return ReadAnswer(_marked_span(text))
        span = _span(answer)
        cited = _cited(answer, self.passages)
        return ReadAnswer(span, cited if span else ())

    def join(self, answers: Sequence[str]) -> str:
        """Return the one answer."""
        (answer,) = answers
        return answer

    def _words(self) -> Iterator[str]:
        yield self.instruction
        form = '{"answer": "a short span", "passages": [1]}'
        yield (
            "Answer with one JSON object and nothing else: "
            + (form if self.passages else '{"answer": "a short span"}')
            + ". The answer is the shortest span that answers the `question`: a name, a date, a "
            "number, yes or no, and no sentence. An empty answer says that there is none to be had."
        )
        if self.steps:
            yield "A `step` is a question on the way to this one, with what was answered to it."
        if self.passages:
            yield (
                "`passages` are the numbers of the passages that the answer rests on; the list is "
                "empty when it rests on none. An answer may come from what you know yourself only "
                "if the instruction above allows it; otherwise what is in no passage has an empty "
                "answer."
            )

    def _blocks(self) -> Iterator[Block]:
        yield from passage_blocks(self.passages)
        for number, (question, answer) in enumerate(self.steps, start=1):
            asked = visible_line(question, MAX_PASSAGE_CHARS)
            said = visible_line(answer, MAX_SPAN_CHARS)
            yield f"step {number}", f"question: {asked}\nanswer: {said}"
        yield "question", visible(self.question)


def passage_blocks(passages: Sequence[Hit]) -> Iterator[Block]:
    """Yield what a model is shown of passages, numbered from 1; a title stays on one line."""
    for number, hit in enumerate(passages, start=1):
        title, text = hit.metadata.get("title", ""), visible(hit.text, MAX_PASSAGE_CHARS)
        shown = f"title: {visible_line(title, MAX_TITLE_CHARS)}\n" if title else ""
        yield f"passage {number}", f"{shown}text: {text}"


def hashed_passage(hit: Hit) -> tuple[str, str, str]:
    """Return what of a passage decides an answer: its id, its title and its text."""
    return hit.id, hit.metadata.get("title", ""), hit.text


def _marked_span(text: str) -> str:
    line, _ = read_marked(text, "answer")
    said = line.strip(_EMPHASIS)
    if not said:  # the answer may stand further down: not the same as an empty one
        raise invalid_answer(AnswerFault.ANSWER_MISSING)
    return _kept(said)


def _span(answer: Mapping[str, object]) -> str:
    if "answer" not in answer:
        raise invalid_answer(AnswerFault.ANSWER_MISSING)
    said = answer["answer"]
    spans = said if isinstance(said, list) else [said]
    if not all(isinstance(span, str) for span in spans):
        raise invalid_answer(AnswerFault.ANSWER_NOT_TEXT)
    kept = [span for span in map(_kept, spans) if span]
    return _kept(", ".join(kept[:MOST_SPANS]))


def _kept(text: str) -> str:
    """Return an answer as one inert line; empty when it stands for none."""
    span = inert(text, MAX_SPAN_CHARS)
    first, _, rest = span.partition(". ")  # models like to say "Unknown. The text does not ..."
    abstained = _bare(span) in ABSTENTIONS or (rest and _bare(first) in ABSTENTIONS - {""})
    return "" if abstained else span


def _bare(span: str) -> str:
    return span.casefold().replace("’", "'").strip(_AROUND)  # noqa: RUF001 - the quote is meant


def _cited(answer: Mapping[str, object], passages: Sequence[Hit]) -> tuple[str, ...]:
    """Return the ids of the passages that the answer names by number."""
    numbers = answer.get("passages", [])
    if not passages:  # none were shown, so nobody asked
        return ()
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise invalid_answer(AnswerFault.PASSAGES_NOT_NUMBERS)
    named = [passages[number - 1].id for number in numbers if 1 <= number <= len(passages)]
    return tuple(dict.fromkeys(named))
