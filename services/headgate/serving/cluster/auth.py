"""The token that Ray asks for: where it is looked for, and what it may be.

environment, home directory -> Token | None
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headgate.errors import InputError

VARIABLE = "RAY_AUTH_TOKEN"
PATH_VARIABLE = "RAY_AUTH_TOKEN_PATH"
HOME_FILE = Path(".ray", "auth_token")
"""Where Ray itself keeps it, in the user's home directory."""
WHERE = f"Set {VARIABLE} or {PATH_VARIABLE}, or write it into ~/{HOME_FILE}."


@dataclass(frozen=True, slots=True)
class Token:
    """What a cluster knows its operators by."""

    value: str = field(repr=False)
    """The token itself; it is shown nowhere."""
    source: str
    """Where it was found, for messages."""


def find_token(environment: Mapping[str, str], home: Path) -> Token | None:
    """Return the token, looked for where Ray looks, in its order; None when there is none.

    Raises:
        InputError: The file that the environment names cannot be read, or what is there is no
            token.
    """
    if environment.get(VARIABLE):
        return _checked(environment[VARIABLE], VARIABLE)
    if named := environment.get(PATH_VARIABLE):
        return _checked(_read(Path(named)), f"{PATH_VARIABLE} ({named})")
    kept = home / HOME_FILE
    return _checked(_read(kept), str(kept)) if kept.is_file() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the token cannot be read ({type(error).__name__})"
        raise InputError(str(path), problem, "Correct the path, or who may read it.") from error


def _checked(text: str, source: str) -> Token:
    """Return the token; a line end or another script in it would not go into a header."""
    value = text.strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise InputError(source, "it holds no token: one word of ASCII", WHERE)
    return Token(value, source)
