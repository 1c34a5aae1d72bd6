"""The question which of some options fits a record, with the reason.

LmRequest(record, options)  ->  prompt, schema  ->  answer text  ->  Decided(one of the options)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import Block, Message, build_messages, visible, visible_line
from headgate.lm.schema import Options, read_marked, read_object, read_reason, strict_format
from headgate.lm.seam import hash_content
from headgate.types import Candidate, Hit


@dataclass(frozen=True, slots=True)
class Decided:
    """An answer within the schema."""

    answer: str
    """One of the options."""
    rationale: str
    """Why, in the model's words; one line, at most `MAX_RATIONALE_CHARS`, advice and not fact."""


@dataclass(frozen=True, slots=True)
class LmRequest:
    """One decision a large model is asked for; a `Question[Decided]`."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words. Trusted, unlike everything below."""
    fields: Mapping[str, str]
    """The record's text by field name."""
    options: tuple[str, ...]
    """The answers that are allowed: declared labels, or the ids of `candidates`."""
    candidates: tuple[Candidate, ...] = ()
    """What the options stand for; empty when they are declared labels."""
    evidence: tuple[Hit, ...] = ()
    """Past cases in which a small model was wrong, with `label` and `reason` as metadata."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the record's id."""
        return (self.record_id,)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what a reason of two sentences and a label take."""
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
        """Return the SHA-256, in hex, of all that decides the answer of `model`.

        The record's id and the evidence's similarities are left out: equal text has an equal hash.
        """
        content = {
            "model": model,
            "instruction": self.instruction,
            "fields": dict(self.fields),
            "options": self.options,
            "candidates": [(candidate.id, candidate.text) for candidate in self.candidates],
            "evidence": [(hit.text, dict(hit.metadata)) for hit in self.evidence],
        }
        return hash_content(content)

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages(list(self._words()), self._blocks(), fault)

    def response_format(self) -> dict[str, object]:
        """Return the schema; the reason comes first, so that the model thinks before it decides."""
        label = {"type": "string", "enum": list(self.options)}
        return strict_format("decision", {"reason": {"type": "string"}, "label": label})

    def parse(self, text: str) -> Decided:
        """Return the decision in `text`; see `parse_decision`."""
        return parse_decision(text, self.options)

    def join(self, answers: Sequence[str]) -> str:
        """Return the one answer."""
        (answer,) = answers
        return answer

    def _words(self) -> Iterator[str]:
        yield self.instruction
        yield (
            'Answer with one JSON object and nothing else: {"reason": "one or two sentences", '
            '"label": "your decision"}. ' + self._choice()
        )
        if self.evidence:
            yield "A `case` is a past case in which a small model was wrong, with why."

    def _choice(self) -> str:
        """Name the options; candidate ids come from the caller and stay out of the system turn."""
        if self.candidates:
            return "The label is the id of exactly one `candidate`."
        options = ", ".join(f'"{visible_line(option)}"' for option in self.options)
        return f"The label is exactly one of: {options}."

    def _blocks(self) -> Iterator[Block]:
        for name, text in self.fields.items():
            yield f"field {visible_line(name)}", visible(text)
        for hit in self.evidence:
            yield "case", _case(hit)
        for candidate in self.candidates:
            yield "candidate", f"{visible_line(candidate.id)}: {visible(candidate.text)}"


def _case(hit: Hit) -> str:
    lines = [f"text: {visible(hit.text)}"]
    for key in ("label", "reason"):
        if key in hit.metadata:
            lines.append(f"{key}: {visible(hit.metadata[key])}")
    return "\n".join(lines)


def parse_decision(text: str, options: Sequence[str]) -> Decided:
    """Return the decision in `text`, never one outside `options`.

    Two forms are read: a JSON object at the start (within ``` fences and with prose behind it, if
    need be), or free text whose last `Label: X` decides. Keys that nobody asked for are ignored.

    Raises:
        LmAnswerError: Anything else; the problem names the `AnswerFault`.
    """
    answer = read_object(text)
    if answer is None:
        label, rationale = read_marked(text, "label")
        return Decided(_one_of(label, options), rationale)
    return Decided(_one_of(_label(answer), options), read_reason(answer))


def _label(answer: Mapping[str, object]) -> str:
    if "label" not in answer:
        raise invalid_answer(AnswerFault.LABEL_MISSING)
    label = answer["label"]
    if not isinstance(label, str):
        raise invalid_answer(AnswerFault.LABEL_NOT_TEXT)
    return label


def _one_of(label: str, options: Sequence[str]) -> str:
    option = Options(options).meant(label)
    if option is None:
        raise invalid_answer(AnswerFault.LABEL_NOT_IN_SET)
    return option
