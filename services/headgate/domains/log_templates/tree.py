"""A tree of fixed depth that puts lines of one kind together.

sorted lines (lines, tokens)  ->  count of tokens  ->  first token  ->  groups, by similarity

Source: Drain, P. He et al. 2017, "Drain: An Online Log Parsing Approach with Fixed Depth Tree",
sections III-B to III-D, with two differences. Values that were masked before speak neither for nor
against a group. And all lines are there at once, sorted and without repeats, so that it makes no
difference in which order they were logged and how they were split over workers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headgate.domains.log_templates.tokens import VALUE, Tokens, cover, has_digit

SIMILARITY = 0.5
"""Least share of tokens equal to a group's, of those that are not values in both."""
MOST_CHILDREN = 100
"""First tokens with a branch of their own, of equally long lines; the others share one."""
MOST_GROUPS = 500
"""In one leaf; a line that fits none then joins the most similar one."""

_VALUE_CODE = 0

Leaf = tuple[int, str]
"""The way down the tree: count of tokens, and the first one, or `VALUE`."""


class Groups:
    """The groups of one leaf."""

    def __init__(self, codes: dict[str, int]) -> None:
        """Begin without groups; `codes` numbers tokens and is added to."""
        self.members: list[list[Tokens]] = []
        self._patterns: list[list[str]] = []
        self._code_of = codes
        self._codes: NDArray[np.int32] = np.empty((0, 0), np.int32)
        """Shape (groups and some to spare, tokens): the numbers of the patterns' tokens."""

    def add(self, line: Tokens) -> None:
        """Put a line into the most similar group, or into one of its own."""
        codes = self._numbered(line)
        group = self._similar(codes)
        if group is None:
            self._open(line, codes)
        else:
            self._join(group, line)

    def _similar(self, codes: NDArray[np.int32]) -> int | None:
        """Return the group that a line joins; of equally similar ones, the earliest."""
        count = len(self.members)
        if not count:
            return None
        found = similarities(self._codes[:count], codes)
        best = int(found.argmax())
        return best if found[best] >= SIMILARITY or count >= MOST_GROUPS else None

    def _join(self, group: int, line: Tokens) -> None:
        self.members[group].append(line)
        pattern = self._patterns[group]
        for place, token in enumerate(line):
            if token != pattern[place]:
                pattern[place] = cover(pattern[place], token)
        self._codes[group] = self._numbered(pattern)

    def _open(self, line: Tokens, codes: NDArray[np.int32]) -> None:
        if len(self._codes) == len(self.members):
            spare = np.zeros((len(self.members) + 1, len(line)), np.int32)
            self._codes = np.concatenate((self._codes, spare)) if self.members else spare
        self._codes[len(self.members)] = codes
        self.members.append([line])
        self._patterns.append(list(line))

    def _numbered(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        codes = self._code_of
        return np.array([codes.setdefault(token, len(codes)) for token in tokens], np.int32)


def group_lines(lines: Sequence[Tokens]) -> list[list[Tokens]]:
    """Return the lines of each group, in the order in which they came.

    Args:
        lines: Different from one another. Sort them for groups that do not depend on the order.
    """
    branches = branches_of(lines)
    codes = {VALUE: _VALUE_CODE}
    leaves: dict[Leaf, Groups] = {}
    for line in lines:
        leaf = len(line), line[0]
        shared = len(line), VALUE
        leaves.setdefault(leaf if leaf in branches else shared, Groups(codes)).add(line)
    return [group for leaf in leaves.values() for group in leaf.members]


def branches_of(lines: Sequence[Tokens]) -> frozenset[Leaf]:
    """Return the leaves of first tokens that have one of their own.

    They are without digits, and those of the most lines.
    """
    counts = Counter((len(line), line[0]) for line in lines)
    by_length: dict[int, list[Leaf]] = defaultdict(list)
    for leaf in sorted(counts, key=lambda leaf: (-counts[leaf], leaf)):
        if not has_digit(leaf[1]):
            by_length[leaf[0]].append(leaf)
    return frozenset(leaf for own in by_length.values() for leaf in own[:MOST_CHILDREN])


def similarities(patterns: NDArray[np.int32], line: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the share of equal tokens, among those that are not values in both.

    Args:
        patterns: Shape (groups, tokens): numbers of tokens, 0 for a value.
        line: Shape (tokens,): the same of a line.

    Returns:
        Shape (groups,), between 0 and 1; 1 where all tokens are values in both.
    """
    equal = patterns == line
    values = equal[:, line == _VALUE_CODE].sum(axis=1)
    compared = len(line) - values
    same = equal.sum(axis=1) - values
    return np.where(compared, same / np.maximum(compared, 1), 1.0)
