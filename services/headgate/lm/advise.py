"""The question how likely a text deserves one of two labels, from one perspective, with the reason.

AdviceRequest(text, context, labels)  ->  prompt, schema
    ->  answer text  ->  Advised(probability of the second label, rationale)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import Block, Message, build_messages, visible, visible_line
from headgate.lm.schema import inert, read_marked, read_object, strict_format
from headgate.lm.seam import hash_content

# By itself on its line: "0.4 to 0.6" and "0.9 that it is genuine" have no one meaning.
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d+)?|\.\d+))(\s*%)?", re.ASCII)
_EMPHASIS = " \t\"'`*_"
_MARK = re.compile(r"^\W*rationale\b[*_]{0,2}[ \t]*:[*_]{0,2}[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Advised:
    """An opinion within the schema."""

    probability: float
    """That the text deserves the second label, 0 to 1."""
    rationale: str
    """Why, in the model's words; one line, at most `MAX_RATIONALE_CHARS`, advice and not fact."""


@dataclass(frozen=True, slots=True)
class AdviceRequest:
    """A text that a large model is to give its opinion of; a `Question[Advised]`."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words, that name the perspective. Trusted, as the labels are."""
    text: str
    """Untrusted, as the context is."""
    context: str
    """Who is said to have said it, and where; empty when nobody knows."""
    labels: tuple[str, str]
    """The harmless one, and the one that is looked for."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the record's id."""
        return (self.record_id,)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what a rationale of two sentences and a number take."""
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
            "kind": "advise",
            "model": model,
            "instruction": self.instruction,
            "text": self.text,
            "context": self.context,
            "labels": self.labels,
        }
        return hash_content(content)

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages(list(self._words()), self._blocks(), fault)

    def response_format(self) -> dict[str, object]:
        """Return the schema; the rationale comes first, so that the model thinks before it says."""
        probability = {"type": "number", "minimum": 0, "maximum": 1}
        properties = {"rationale": {"type": "string"}, "probability": probability}
        return strict_format("advice", properties)

    def parse(self, text: str) -> Advised:
        """Return the opinion in `text`.

        Two forms are read: a JSON object at the start, or free text whose last `Probability: X`
        counts, with the number by itself on its line. An object may leave the rationale out.

        Raises:
            LmAnswerError: Anything else; the problem names the `AnswerFault`.
        """
        answer = read_object(text)
        if answer is None:
            line, rationale = read_marked(text, "probability")
            return Advised(_said(line), _MARK.sub("", rationale))
        return Advised(_probability(answer), _rationale(answer))

    def join(self, answers: Sequence[str]) -> str:
        """Return the one answer."""
        (answer,) = answers
        return answer

    def _words(self) -> Iterator[str]:
        yield self.instruction
        harmless, sought = (visible_line(label) for label in self.labels)
        yield (
            'Answer with one JSON object and nothing else: {"rationale": "one or two sentences", '
            '"probability": 0.37}. `probability` is a number from 0 to 1, and no percentage: how '
            f'likely the `text` deserves the label "{sought}" rather than "{harmless}", from the '
            "perspective above alone. 0.5 says that it tells nothing either way."
        )
        if self.context.strip():
            yield "The `context` is what somebody says of where the text comes from."

    def _blocks(self) -> Iterator[Block]:
        if self.context.strip():
            yield "context", visible(self.context)
        yield "text", visible(self.text)


def _probability(answer: Mapping[str, object]) -> float:
    if "probability" not in answer:
        raise invalid_answer(AnswerFault.PROBABILITY_MISSING)
    probability = answer["probability"]
    if not isinstance(probability, int | float) or isinstance(probability, bool):
        raise invalid_answer(AnswerFault.PROBABILITY_NOT_NUMBER)
    return _on_scale(probability)


def _said(line: str) -> float:
    """Return the number that a line of free text consists of."""
    found = _NUMBER.fullmatch(line.lstrip(_EMPHASIS).rstrip(_EMPHASIS + "."))
    if found is None:
        raise invalid_answer(AnswerFault.PROBABILITY_NOT_NUMBER)
    if found[2]:  # also "0.4%": nobody knows which of two numbers is meant
        raise invalid_answer(AnswerFault.PROBABILITY_OFF_SCALE)
    return _on_scale(float(found[1]))


def _on_scale(number: float) -> float:
    if not 0 <= number <= 1:
        raise invalid_answer(AnswerFault.PROBABILITY_OFF_SCALE)
    return float(number)


def _rationale(answer: Mapping[str, object]) -> str:
    rationale = answer.get("rationale", "")
    if not isinstance(rationale, str):
        raise invalid_answer(AnswerFault.RATIONALE_NOT_TEXT)
    return inert(rationale)
