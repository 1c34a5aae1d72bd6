"""One mistake at a place in a file, and how values are named without showing a secret.

KeyPath ("spec", "flow", 0, "model")  ->  "spec.flow[0].model"
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

KeyPath = tuple[str | int, ...]

MAX_SHOWN = 60
"""Longest text, in characters, that a message repeats."""

# Each form starts where no word goes on: `disk-failure` is no key, and time stays linear.
_SECRET_TEXT = re.compile(
    r"(?<![\w-])("
    r"(sk|pk|rk)[-_][\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|hf_\w{16,}|xox[abprs]-[\w-]{8,}"
    r"|AKIA[0-9A-Z]{12,}|AIza[\w-]{20,}|eyJ[\w-]{10,}\.[\w.-]+|(?i:bearer) \S{8,}|-----BEGIN"
    r")|://[^/\s@:]*:[^/\s@]+@"
)
_SECRET_KEY = re.compile(r"(?i)api_?key|^key$|secret|passw|credential|token$")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at one key."""

    path: KeyPath
    problem: str
    """Without a final period."""
    remedy: str
    """With a final period."""
    at: tuple[int, int] | None = None
    """Line and column, from 1, where they differ from those of the path's key."""


def looks_secret(text: str) -> bool:
    """Return whether `text` has the form of a key, token or address with a password."""
    return _SECRET_TEXT.search(text) is not None


def quoted(text: str) -> str:
    """Return `text` in quotes; only its length when it is long or looks like a secret."""
    if looks_secret(text) or len(text) > MAX_SHOWN:
        return f"a text of {len(text)} characters"
    return repr(text)


def dotted(path: KeyPath) -> str:
    """Return the path as people write it, such as `spec.flow[0].model`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part) and quoted(part) == repr(part):
            text += f".{part}"
        else:
            text += f"[{quoted(part)}]"
    return text.removeprefix(".")


def described(value: object, path: KeyPath) -> str:
    """Return what `value` is, for "found ..."; a value that may be a secret is not shown."""
    match value:
        case None:
            return "nothing"
        case dict() | list():
            noun = "mapping" if isinstance(value, dict) else "list"
            return f"a {noun}" if value else f"an empty {noun}"
        case _ if _may_hold_secret(path):
            return "a value that is not shown"
        case str():
            return quoted(value) if value else "an empty text"
        case bool():
            return f"the boolean {str(value).lower()}"
    return f"the number {value}"


def _may_hold_secret(path: KeyPath) -> bool:
    return any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path)


def did_you_mean(word: str, choices: Iterable[str], otherwise: str) -> str:
    """Return "Did you mean 'x'?" for the nearest choice, or `otherwise` when none is near."""
    nearest = process.extractOne(word, list(choices), scorer=fuzz.ratio, score_cutoff=60)
    return f"Did you mean {nearest[0]!r}?" if nearest else otherwise


def with_article(noun: str) -> str:
    """Return the noun, such as a kind of stage, with `a` or `an`."""
    return f"{'an' if noun[:1] in set('aeiou') else 'a'} {noun}"


def listed(words: Iterable[str]) -> str:
    """Return `'a', 'b' or 'c'`."""
    *first, last = [quoted(word) for word in words]
    return f"{', '.join(first)} or {last}" if first else last
