"""Retrieval for several steps when no step has been answered yet.

question, plan  ->  one batch of searches  ->  scores 0 to 1, the best of all searches
                ->  and passages that the question or a good passage names  ->  ranking

The passages found for a step stand in for its answer: whom or what one of them names is what the
next step may be about. So nothing needs to be read, and a question costs one batch of searches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headgate.domains.questions.plan import Plan, references
from headgate.domains.questions.titles import Titles

Scores = Mapping[str, float]
"""Passages, by id, with any scores of which a higher one is better."""
Search = Callable[[Sequence[str]], Sequence[Scores]]
"""The best passages for each text; a hundred are enough, more hardly change anything."""

FOLLOWED = 3
"""Passages that are looked into for titles; five find no more than three."""


def bridged(
    question: str,
    plan: Plan,
    *,
    search: Search,
    titles: Titles,
    texts: Callable[[str], str],
) -> list[tuple[str, float]]:
    """Return passages for all steps of a plan, best first.

    Scores of each search are put on a scale of 0 to 1, so that searches of any kind compare. A
    passage has the best it gets for the question and for a step. One that the question names gets
    1 more, and one that a good passage names as much more as that one has: where two links fit,
    both count.

    A step in whose text a `#1` stands open is not searched for: without its subject it finds what
    is like its other words. Once answers are put in, it is.

    Args:
        question: As it was asked.
        plan: Its steps; `undecomposed` for the question alone.
        search: Called once.
        titles: Of all passages.
        texts: The text of a passage.
    """
    found = best_of([scaled(scores) for scores in search(queries(question, plan))])
    reached = dict.fromkeys(titles.named_in(question), 1.0)
    entries = best_of([found, reached])
    for passage in _ranked(entries)[:FOLLOWED]:
        for named in set(titles.named_in(texts(passage))) - {passage}:
            reached[named] = max(reached.get(named, 0.0), entries[passage])
    total = {each: found.get(each, 0.0) + reached.get(each, 0.0) for each in {*found, *reached}}
    return [(passage, total[passage]) for passage in _ranked(total)]


def queries(question: str, plan: Plan) -> list[str]:
    """Return what is searched for: the question, and steps that no answer is missing in."""
    steps = plan.steps if plan.decomposed else ()
    return [question, *(step.text for step in steps if not references(step.text))]


def scaled(scores: Scores) -> dict[str, float]:
    """Return the scores with 1 for the best and 0 for the worst; 1 for all where they are equal."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high == low:
        return dict.fromkeys(scores, 1.0)
    return {passage: (score - low) / (high - low) for passage, score in scores.items()}


def best_of(searches: Sequence[Scores]) -> dict[str, float]:
    """Return each passage with the highest score that it has anywhere."""
    best: dict[str, float] = {}
    for scores in searches:
        for passage, score in scores.items():
            best[passage] = max(score, best.get(passage, score))
    return best


def _ranked(scores: Scores) -> list[str]:
    """Return passages by score, and by id where it is the same."""
    return sorted(scores, key=lambda passage: (-scores[passage], passage))
