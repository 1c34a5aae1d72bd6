"""How right a short answer is, as in SQuAD and HotpotQA.

answer  ->  words without case, punctuation and articles  ->  exact match, F1, cover, over all golds
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

NO_ANSWER = "(no answer)"
"""The answer of a reader that found none."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CLOSED = frozenset({"yes", "no", "noanswer"})
"""Answers that are right or wrong as a whole, as HotpotQA scores them."""


def normalise(answer: str) -> str:
    """Return the answer in lower case, without ASCII punctuation, articles and spare blanks.

    Source:
        The evaluation script of Rajpurkar et al. 2016, arXiv:1606.05250.
    """
    plain = answer.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact_match(answer: str, golds: Sequence[str]) -> bool:
    """Return whether the normalised answer is that of one of the gold ones."""
    return normalise(answer) in {normalise(gold) for gold in golds}


def covers(answer: str, golds: Sequence[str]) -> bool:
    """Return whether the words of a gold answer stand in the answer one behind the other.

    A gold answer without words is never covered.
    """
    said = f" {normalise(answer)} "
    return any(f" {wanted} " in said for gold in golds if (wanted := normalise(gold)))


def f1(answer: str, golds: Sequence[str]) -> float:
    """Return the best overlap of words with a gold answer, 0 to 1; 0 without gold answers.

    The harmonic mean of the share of the answer's words that are right and of the gold's that are
    there. `yes` and `no` get nothing for overlap. Scripts that do not part words have one word.

    Source:
        Yang et al. 2018, arXiv:1809.09600, and the script of its authors.
    """
    return max((_overlap(normalise(answer), normalise(gold)) for gold in golds), default=0.0)


def _overlap(answer: str, gold: str) -> float:
    """Return F1 of two normalised texts."""
    if answer == gold:
        return 1.0
    if _CLOSED & {answer, gold}:
        return 0.0
    said, wanted = Counter(answer.split()), Counter(gold.split())
    shared = (said & wanted).total()
    return 2 * shared / (said.total() + wanted.total())
