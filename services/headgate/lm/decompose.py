"""The question by which simpler questions a question can be answered.

DecomposeRequest(question)  ->  prompt, schema  ->  answer text, JSON or lines  ->  steps, checked
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.errors import InputError
from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import (
    FENCE_CHARS,
    MAX_FIELD_CHARS,
    Block,
    Message,
    build_messages,
    visible,
)
from headgate.lm.schema import bare_text, inert, read_object, strict_format, strict_object
from headgate.lm.seam import hash_content
from headgate.types import PlanStep

_EXPECTED_STEP_CHARS = 90


@dataclass(frozen=True, slots=True)
class DecomposeRequest:
    """A question that a large model is to split; a `Question[tuple[PlanStep, ...]]`."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    instruction: str
    """The operator's words. Trusted, unlike the question."""
    question: str
    most_steps: int
    """Steps that the model is told to give at most; `check` refuses more."""
    from_text: Callable[[str], Sequence[PlanStep]]
    """Reads the steps of an answer that is no JSON object; raises `InputError`."""
    check: Callable[[Sequence[PlanStep]], Sequence[PlanStep]]
    """Returns the steps as they are used; raises `InputError` for what cannot be carried out."""
    sample: int = 0
    """0 for the likeliest plan; any other number for one of several that are drawn."""

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the record's id."""
        return (self.record_id,)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what three steps take."""
        return 3 * _EXPECTED_STEP_CHARS

    @property
    def weighed(self) -> str:
        """Return nothing: no log-probability is wanted."""
        return ""

    @property
    def temperature(self) -> float:
        """Return 0 for the likeliest plan, 1 for a sample."""
        return 1.0 if self.sample else 0.0

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`; no record id.

        Each sample is a question of its own. How answers are read and checked is left out.
        """
        content = {
            "kind": "decompose",
            "model": model,
            "instruction": self.instruction,
            "question": self.question,
            "most_steps": self.most_steps,
            "sample": self.sample,
        }
        return hash_content(content)

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages(list(self._words()), self._blocks(), fault)

    def lasting_messages(self) -> list[Message]:
        """Return the prompt as it is written down to train on: the same one every time.

        Its delimiter comes of what is asked, so it differs from question to question as in the
        prompts that are sent. No question can hold its own: it is a hash of it.
        """
        fence = replace(self, sample=0).content_hash("")[:FENCE_CHARS]
        return build_messages(list(self._words()), self._blocks(), fence=fence)

    def response_format(self) -> dict[str, object]:
        """Return the schema of a list of steps."""
        step = {"question": {"type": "string"}, "needs_context": {"type": "boolean"}}
        steps = {
            "type": "array",
            "items": strict_object(step),
            "minItems": 1,
            "maxItems": self.most_steps,
        }
        return strict_format("plan", {"steps": steps})

    def parse(self, text: str) -> tuple[PlanStep, ...]:
        """Return the steps in `text`, as `check` returns them.

        A JSON object at the start is read here, any other text by `from_text`. The text of a step
        is one inert line.

        Raises:
            LmAnswerError: No usable plan; the problem names the `AnswerFault`.
        """
        answer = read_object(text)
        try:
            steps = self.from_text(bare_text(text)) if answer is None else _steps(answer)
            inert_steps = [replace(step, text=inert(step.text, MAX_FIELD_CHARS)) for step in steps]
            return tuple(self.check(inert_steps))
        except InputError:  # not chained: it may hold some of the answer
            raise invalid_answer(AnswerFault.PLAN_UNUSABLE) from None

    def join(self, answers: Sequence[str]) -> str:
        """Return the one answer."""
        (answer,) = answers
        return answer

    def _blocks(self) -> list[Block]:
        return [("question", visible(self.question))]

    def _words(self) -> Iterator[str]:
        yield self.instruction
        yield (
            'Answer with one JSON object and nothing else: {"steps": [{"question": "a question", '
            '"needs_context": true}]}. The steps are simpler questions whose answers lead to that '
            f"of the `question`, {self.most_steps} at most, in the order in which they can be "
            "answered. In a step, `#1` stands for the answer of step 1; name earlier steps in no "
            "other way. `needs_context` is false where passages would not help, as in a comparison "
            "of two earlier answers. A question that needs no splitting is its own only step."
        )


def _steps(answer: Mapping[str, object]) -> list[PlanStep]:
    entries = answer.get("steps")
    if not isinstance(entries, list):
        raise invalid_answer(AnswerFault.PLAN_UNUSABLE)
    return [_step(entry, number) for number, entry in enumerate(entries, start=1)]


def _step(entry: object, number: int) -> PlanStep:
    fields = entry if isinstance(entry, dict) else {}
    question, needs_context = fields.get("question"), fields.get("needs_context", True)
    if not isinstance(question, str) or not isinstance(needs_context, bool):
        raise invalid_answer(AnswerFault.PLAN_UNUSABLE)
    return PlanStep(number, question, needs_context)
