"""Whether a server answered all that was asked, and nothing else.

replies, what was asked  ->  the replies | RemoteError
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from headgate.errors import RemoteError

_Answers = TypeVar("_Answers", bound=Sequence[object])


def all_of(answers: _Answers, asked: Sequence[object]) -> _Answers:
    """Return `answers` when there is one for each of `asked`: no record is lost unseen.

    Raises:
        RemoteError: There is not.
    """
    if len(answers) != len(asked):
        raise miscounted(f"{len(answers)} answers to {len(asked)} questions")
    return answers


def miscounted(problem: str) -> RemoteError:
    """Return the error of a server that sent too much or too little."""
    return RemoteError("INTERNAL", "ANSWERS_MISCOUNTED", f"the server sent {problem}")
