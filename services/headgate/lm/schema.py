"""The response schema, asked of the endpoint and then checked by our own code.

options  ->  response_format
answer text, options  ->  Parsed(label: one of options, rationale)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.strict_json import JsonFaultError, decode_first

MAX_ANSWER_CHARS = 1024 * 1024
"""Longest answer that is looked at."""

MAX_RATIONALE_CHARS = 2_000
"""Longest rationale that leaves."""

_FENCE = re.compile(r"```[a-zA-Z]*\s*")
_LABEL_MARK = re.compile(r"\blabel\b[*_]{0,2}[ \t]*:", re.IGNORECASE)
_REASON_MARK = re.compile(r"^\W*reason\b[*_]{0,2}[ \t]*:[*_]{0,2}", re.IGNORECASE)
_QUOTES = " \t\r\n\"'`*_“”‘’"  # noqa: RUF001 - the typographic quotes are meant


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer within the schema."""

    label: str
    rationale: str
    """One line without control characters, at most `MAX_RATIONALE_CHARS` long."""


def response_format(options: Sequence[str]) -> dict[str, object]:
    """Return the `response_format` that asks an endpoint for one of `options`.

    The reason comes first, so that the model thinks before it decides.
    """
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "label": {"type": "string", "enum": list(options)},
        },
        "required": ["reason", "label"],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "decision", "strict": True, "schema": schema},
    }


def parse_answer(text: str, options: Sequence[str]) -> Parsed:
    """Return the decision in `text`, never one outside `options`.

    Two forms are read: a JSON object at the start (within ``` fences and with prose behind it, if
    need be), or free text whose last `Label: X` decides. Keys that nobody asked for are ignored.

    Raises:
        LmAnswerError: Anything else; the problem names the `AnswerFault`.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise invalid_answer(AnswerFault.TOO_LARGE)
    body = text.strip().removeprefix("\ufeff").strip()
    if not body:
        raise invalid_answer(AnswerFault.EMPTY)
    fence = _FENCE.match(body)
    inner = body[fence.end() :] if fence else body
    if inner.startswith("{"):
        return _parse_object(inner, options)
    return _parse_prose(body, options)


def _parse_object(text: str, options: Sequence[str]) -> Parsed:
    try:
        value, end = decode_first(text)
    except JsonFaultError as error:
        raise invalid_answer(error.fault) from None
    if "{" in text[end:]:
        raise invalid_answer(AnswerFault.SEVERAL_OBJECTS)
    if not isinstance(value, dict):
        raise invalid_answer(AnswerFault.NOT_JSON)
    return Parsed(_one_of(_label(value), options), _inert(_reason(value)))


def _label(answer: Mapping[str, object]) -> str:
    if "label" not in answer:
        raise invalid_answer(AnswerFault.LABEL_MISSING)
    label = answer["label"]
    if not isinstance(label, str):
        raise invalid_answer(AnswerFault.LABEL_NOT_TEXT)
    return label


def _reason(answer: Mapping[str, object]) -> str:
    reason = answer.get("reason", "")
    if not isinstance(reason, str):
        raise invalid_answer(AnswerFault.REASON_NOT_TEXT)
    return reason


def _parse_prose(text: str, options: Sequence[str]) -> Parsed:
    marks = list(_LABEL_MARK.finditer(text))
    if not marks:
        raise invalid_answer(AnswerFault.NOT_JSON)
    label, _, after = text[marks[-1].end() :].partition("\n")
    before = _REASON_MARK.sub("", text[: marks[-1].start()])
    return Parsed(_one_of(label.strip(), options), _inert(before) or _inert(after))


def _one_of(label: str, options: Sequence[str]) -> str:
    """Return the one option that `label` means; an exact match wins over a loose one."""
    if label in options:
        return label
    bare = _bare(label)
    loose = [option for option in options if _bare(option) == bare]
    if not bare or len(loose) != 1:
        raise invalid_answer(AnswerFault.LABEL_NOT_IN_SET)
    return loose[0]


def _bare(label: str) -> str:
    return label.strip(_QUOTES).removesuffix(".").strip(_QUOTES).casefold()


def _inert(text: str) -> str:
    """Return `text` as one capped line without characters that act on a terminal or a log."""
    head = " ".join(text[: 4 * MAX_RATIONALE_CHARS].split())
    kept = "".join(char for char in head if unicodedata.category(char)[0] != "C")
    return kept.strip(" *")[:MAX_RATIONALE_CHARS]  # the stars of a bold "Label:"
