"""The response schema that an endpoint is asked for, and the reader of whatever comes back.

properties  ->  response_format
answer text  ->  one JSON object, or text with a mark;  a name in it  ->  the option that is meant
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.strict_json import JsonFaultError, decode_first

MAX_ANSWER_CHARS = 1024 * 1024
"""Longest answer that is looked at."""

MAX_RATIONALE_CHARS = 2_000
"""Longest rationale that leaves."""

_REASON_MARK = re.compile(r"^\W*reason\b[*_]{0,2}[ \t]*:[*_]{0,2}", re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]*\s*")
_QUOTES = " \t\r\n\"'`*_“”‘’"  # noqa: RUF001 - the typographic quotes are meant


def strict_object(properties: Mapping[str, object]) -> dict[str, object]:
    """Return the JSON schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def strict_format(name: str, properties: Mapping[str, object]) -> dict[str, object]:
    """Return the `response_format` that asks an endpoint for such an object, called `name`."""
    json_schema = {"name": name, "strict": True, "schema": strict_object(properties)}
    return {"type": "json_schema", "json_schema": json_schema}


def bare_text(text: str) -> str:
    """Return an answer without what surrounds it: blanks, a byte order mark.

    Raises:
        LmAnswerError: It is empty, or too large to be looked at.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise invalid_answer(AnswerFault.TOO_LARGE)
    body = text.strip().removeprefix("\ufeff").strip()
    if not body:
        raise invalid_answer(AnswerFault.EMPTY)
    return body


def read_object(text: str) -> Mapping[str, object] | None:
    """Return the JSON object at the start of an answer; None when it does not start with one.

    It may stand within ``` fences and have prose behind it.

    Raises:
        LmAnswerError: Empty, too large or too deep; no JSON with one meaning; a second object
            may follow.
    """
    body = bare_text(text)
    fence = _FENCE.match(body)
    inner = body[fence.end() :] if fence else body
    if not inner.startswith("{"):
        return None
    try:
        value, end = decode_first(inner)
    except JsonFaultError as error:
        raise invalid_answer(error.fault) from None
    if "{" in inner[end:]:
        raise invalid_answer(AnswerFault.SEVERAL_OBJECTS)
    return value if isinstance(value, dict) else None


def read_marked(text: str, word: str) -> tuple[str, str]:
    """Return what the last `Word: ...` of a free text says on its line, and the reason around it.

    The reason is one inert line: what stands before the mark, else what follows its line.

    Raises:
        LmAnswerError: Empty, too large, or without such a mark.
    """
    body = bare_text(text)
    marks = list(re.finditer(rf"\b{word}\b[*_]{{0,2}}[ \t]*:", body, re.IGNORECASE))
    if not marks:
        raise invalid_answer(AnswerFault.NOT_JSON)
    line, _, after = body[marks[-1].end() :].partition("\n")
    before = _REASON_MARK.sub("", body[: marks[-1].start()])
    return line.strip(), inert(before) or inert(after)


def read_reason(answer: Mapping[str, object]) -> str:
    """Return the `reason` of an answer as one inert line; empty when it gives none.

    Raises:
        LmAnswerError: It is no text.
    """
    reason = answer.get("reason", "")
    if not isinstance(reason, str):
        raise invalid_answer(AnswerFault.REASON_NOT_TEXT)
    return inert(reason)


class Options:
    """The names that may be answered, and what else is taken for one of them."""

    def __init__(self, names: Collection[str]) -> None:
        self._exact = frozenset(names)
        counts = Counter(map(_bare, names))
        self._loose = {bare: name for name in names if counts[bare := _bare(name)] == 1 and bare}

    def meant(self, name: str) -> str | None:
        """Return the one option that `name` means; an exact match wins over a loose one.

        Case, quotes and a final period are forgiven; None when that leaves no option, or several.
        """
        return name if name in self._exact else self._loose.get(_bare(name))


def _bare(name: str) -> str:
    return name.strip(_QUOTES).removesuffix(".").strip(_QUOTES).casefold()


def inert(text: str, most_chars: int = MAX_RATIONALE_CHARS) -> str:
    """Return `text` as one capped line without characters that act on a terminal or a log."""
    head = " ".join(text[: 4 * most_chars].split())
    kept = "".join(char for char in head if unicodedata.category(char)[0] != "C")
    return kept.strip(" *")[:most_chars]  # the stars of a bold "Label:"
