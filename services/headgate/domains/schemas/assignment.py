"""The best one-to-one set of pairs, in which a column may also stay without a counterpart.

{source: {target: P(match)}}  ->  Assignment: {source: target}, and the sources left unmatched
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

UNMATCHED_PRICE = 0.45
"""F1 is highest when pairs are proposed that are likelier than half of the F1 that is reached
(Lipton et al. 2014, arXiv:1402.1892); a good cascade reaches 0.8 to 0.9."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A decision for every source column."""

    pairs: Mapping[str, str]
    """Source to target, in the order of the sources' ids; no target occurs twice."""
    abstained: tuple[str, ...]
    """Sources without a counterpart, in the order of their ids."""


def assign(
    scores: Mapping[str, Mapping[str, float]], *, unmatched_price: float = UNMATCHED_PRICE
) -> Assignment:
    """Return the one-to-one set that is worth most.

    A pair is worth its probability of being right, and a source that is left unmatched is worth
    `unmatched_price`. So a pair whose probability does not pass the price is never proposed, and a
    source that loses its target to another one takes its next best only if that passes the price.
    At 0.5 a wrong pair costs as much as a missed one; a lower price proposes more pairs.

    Only pairs above the price take part, so time and memory grow with their number and not with
    the size of the target table. Where two sets are worth the same, ids decide and never the order
    of the input.

    Args:
        scores: P(match), 0 to 1, by source and target; a pair that is absent cannot be matched.
        unmatched_price: 0 to 1, on the scale of the scores. At 0 everything possible is matched,
            at 1 nothing.

    Raises:
        ValueError: A score or the price is NaN or not between 0 and 1.

    Source:
        Jonker and Volgenant 1987 (doi:10.1007/BF02278710), the sparse variant in scipy.
    """
    if not 0 <= unmatched_price <= 1:
        raise ValueError(f"the price of an unmatched column is {unmatched_price!r}, not 0 to 1")
    gains = {source: _gains(scores[source], unmatched_price) for source in sorted(scores)}
    pairs = _heaviest({source: own for source, own in gains.items() if own})
    return Assignment(pairs, tuple(source for source in gains if source not in pairs))


def _gains(scores: Mapping[str, float], price: float) -> dict[str, float]:
    """Return by how much each target that passes the price does so."""
    for score in scores.values():
        if not 0 <= score <= 1:
            raise ValueError(f"the probability of a pair is {score!r}, not 0 to 1")
    return {target: score - price for target, score in scores.items() if score > price}


def _heaviest(gains: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Return the matching of the highest total gain; a source may be left out."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not gains:
        return {}
    targets = sorted(set().union(*gains.values()))
    places = {target: place for place, target in enumerate(targets)}
    edges: list[tuple[int, int, float]] = []
    for row, own in enumerate(gains.values()):
        # A place of its own for "unmatched", of no gain: so every source can be placed.
        edges.append((row, len(targets) + row, 0.0))
        edges.extend((row, places[target], gain) for target, gain in own.items())
    rows, columns, worth = zip(*edges, strict=True)
    # A cost of zero would be no edge; gains are at most 1.
    costs = 2 - np.array(worth)
    shape = (len(gains), len(targets) + len(gains))
    _, chosen = min_weight_full_bipartite_matching(csr_array((costs, (rows, columns)), shape))
    return {
        source: targets[place]
        for source, place in zip(gains, chosen.tolist(), strict=True)
        if place < len(targets)
    }
