"""Names of OpenTelemetry's conventions for calls of generative models, all in one place.

model -> name and facts of a span;  RawAnswer -> what it took

They are in development upstream, so that they may change; what is asked and answered is opt-in
there and never told here.

Source:
    https://github.com/open-telemetry/semantic-conventions-genai, as of semantic conventions 1.45.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from headgate import spans
from headgate.lm.seam import RawAnswer
from headgate.spans import Fact, Span

OPERATION = "chat"


def call(model: str) -> AbstractContextManager[Span]:
    """Begin the span of one call of a model, enter it, and end it with the block."""
    facts = {"gen_ai.operation.name": OPERATION, "gen_ai.request.model": model}
    return spans.opened(f"{OPERATION} {model}", facts, outgoing=True)


def note_answer(span: Span, answer: RawAnswer) -> None:
    """Tell what a call took, as far as the engine counted."""
    facts: dict[str, Fact] = {}
    if answer.input_tokens is not None:
        facts["gen_ai.usage.input_tokens"] = answer.input_tokens
    if answer.output_tokens is not None:
        facts["gen_ai.usage.output_tokens"] = answer.output_tokens
    span.note(facts)
    if answer.fault is not None:
        span.fail(answer.fault.name)
