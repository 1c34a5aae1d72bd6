"""From the shapes of all lines to patterns that hold no matter how the lines were split up.

shapes (shapes,)  ->  sorted tokens  ->  groups  ->  kinds  ->  patterns (patterns, tokens)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from headgate.domains.log_templates.kinds import kinds_of
from headgate.domains.log_templates.tokens import Tokens, cover_all
from headgate.domains.log_templates.tree import group_lines

AT_ONCE = 100_000
"""Lines that are grouped together; the patterns of more are grouped in turn."""


def patterns_of(lines: Iterable[Tokens]) -> list[Tokens]:
    """Return patterns that cover all lines; mining them again gives the same ones.

    Returns:
        Sorted; they depend on the set of lines only.
    """
    patterns = sorted(set(lines))
    while True:
        widened = sorted(set(_one_pass(patterns)))
        # Lines are only ever put together: as many as before are the same as before.
        if len(widened) == len(patterns):
            return widened
        patterns = widened


def coarsest(patterns: Iterable[Tokens]) -> list[Tokens]:
    """Return one pattern for all of equally many tokens."""
    by_length: dict[int, list[Tokens]] = defaultdict(list)
    for pattern in patterns:
        by_length[len(pattern)].append(pattern)
    return [cover_all(own) for own in by_length.values()]


def _one_pass(lines: Sequence[Tokens]) -> Iterator[Tokens]:
    for start in range(0, len(lines), AT_ONCE):
        for group in group_lines(lines[start : start + AT_ONCE]):
            yield from map(cover_all, kinds_of(group))
