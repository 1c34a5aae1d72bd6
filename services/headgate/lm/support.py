"""The question whether passages bear out an answer, with the reason.

SupportRequest(question, answer, passages)  ->  prompt, schema  ->  answer text  ->  Supported
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import Block, Message, build_messages, visible, visible_line
from headgate.lm.read import MAX_SPAN_CHARS, hashed_passage, passage_blocks
from headgate.lm.schema import read_marked, read_object, read_reason, strict_format
from headgate.lm.seam import hash_content
from headgate.types import Hit

_SAID = {"yes": True, "true": True, "no": False, "false": False}
_WORD = re.compile(r"[\s\"'`*_]*([a-z]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Supported:
    """Whether an answer is borne out."""

    supported: bool
    rationale: str
    """Why, in the model's words; one line, at most `MAX_RATIONALE_CHARS`, advice and not fact."""


@dataclass(frozen=True, slots=True)
class SupportRequest:
    """An answer that a large model is to check; a `Question[Supported]`."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words. Trusted, unlike everything below."""
    question: str
    answer: str
    """What somebody read as the answer to the question."""
    passages: tuple[Hit, ...]
    """With `title` as metadata where there is one; ids are not shown, but numbers from 1."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the record's id."""
        return (self.record_id,)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what a reason of two sentences takes."""
        return 200

    @property
    def weighed(self) -> str:
        """Return nothing: no log-probability is wanted."""
        return ""

    @property
    def temperature(self) -> float:
        """Return 0: the likeliest answer."""
        return 0.0

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`; no record id."""
        content = {
            "kind": "support",
            "model": model,
            "instruction": self.instruction,
            "question": self.question,
            "answer": self.answer,
            "passages": [hashed_passage(hit) for hit in self.passages],
        }
        return hash_content(content)

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages(list(self._words()), self._blocks(), fault)

    def response_format(self) -> dict[str, object]:
        """Return the schema; the reason comes first, so that the model thinks before it decides."""
        properties = {"reason": {"type": "string"}, "supported": {"type": "boolean"}}
        return strict_format("support", properties)

    def parse(self, text: str) -> Supported:
        """Return what `text` says.

        Two forms are read: a JSON object at the start, or free text whose last `Supported: X`
        decides, with yes or no.

        Raises:
            LmAnswerError: Anything else; the problem names the `AnswerFault`.
        """
        answer = read_object(text)
        if answer is None:
            line, reason = read_marked(text, "supported")
            return Supported(_said(line), reason)
        return Supported(_supported(answer), read_reason(answer))

    def join(self, answers: Sequence[str]) -> str:
        """Return the one answer."""
        (answer,) = answers
        return answer

    def _words(self) -> Iterator[str]:
        yield self.instruction
        yield (
            'Answer with one JSON object and nothing else: {"reason": "one or two sentences", '
            '"supported": true}. `supported` is true when the numbered passages themselves say '
            "that the `answer` is the right one to the `question`; it is false when they say "
            "another one, or nothing about it, however likely the answer is."
        )

    def _blocks(self) -> Iterator[Block]:
        yield from passage_blocks(self.passages)
        yield "question", visible(self.question)
        yield "answer", visible_line(self.answer, MAX_SPAN_CHARS)


def _supported(answer: Mapping[str, object]) -> bool:
    if "supported" not in answer:
        raise invalid_answer(AnswerFault.SUPPORT_MISSING)
    supported = answer["supported"]
    if not isinstance(supported, bool):
        raise invalid_answer(AnswerFault.SUPPORT_NOT_BOOL)
    return supported


def _said(line: str) -> bool:
    found = _WORD.match(line)
    said = _SAID.get(found[1].lower()) if found else None
    if said is None:
        raise invalid_answer(AnswerFault.SUPPORT_NOT_BOOL)
    return said
