"""How well templates agree with those that people gave.

gold (lines,), found (lines,)  ->  grouping accuracy, F1 of template accuracy
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence


def grouping_accuracy(gold: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Return the share of lines whose group is exactly a group of the gold templates.

    Args:
        gold: Shape (lines,): the template of each line.
        found: Shape (lines,): the group of each line, by any name.

    Source:
        Zhu et al. 2019, "Tools and Benchmarks for Automated Log Parsing", section IV-A.
    """
    pairs = Counter(zip(gold, found, strict=True))
    gold_sizes, found_sizes = Counter(gold), Counter(found)
    exact = (n for (own, group), n in pairs.items() if n == gold_sizes[own] == found_sizes[group])
    return sum(exact) / len(gold)


def template_f1(gold: Sequence[str], found: Sequence[str]) -> float:
    """Return F1 of the templates found: right are those all of whose lines have it for gold.

    Blanks in a row are one; the text has to be equal otherwise.

    Args:
        gold: Shape (lines,): the template of each line.
        found: Shape (lines,): what a tool says it is.

    Source:
        Jiang et al. 2024, "A Large-Scale Evaluation for Log Parsing Techniques" (loghub-2.0),
        FTA, the mean of PTA and RTA.
    """
    wanted, texts = list(map(_single_blanks, gold)), list(map(_single_blanks, found))
    gold_of: dict[str, set[str]] = defaultdict(set)
    for own, text in zip(wanted, texts, strict=True):
        gold_of[text].add(own)
    right = sum(own == {text} for text, own in gold_of.items())
    return 2 * right / (len(gold_of) + len(set(wanted)))


def _single_blanks(text: str) -> str:
    return " ".join(text.split())
