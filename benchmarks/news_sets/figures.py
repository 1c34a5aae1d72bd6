"""What comes of judging: quality of each method, alone and behind a gate.

log-odds of items (n,) by method, labels (n,), fold numbers (n,)  ->  figures by method
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from news_sets.methods import ByMethod, Floats

SHARES = (0.25, 0.3, 0.5)
"""Of items that a cascade asks the large model about."""

Figures = dict[str, float]
Labels = NDArray[np.bool_]
Places = NDArray[np.int64]

_ASKING = ("llm_", "average", "concat", "arg")


def figures(found: ByMethod, labels: Labels, folds: Places) -> dict[str, Figures]:
    """Return the quality of each method, of cascades from `arg_d` to `arg`, and of an oracle."""
    report = {name: _quality(odds, labels, _share(name)) for name, odds in found.items()}
    if "arg_d" not in found:
        return report
    for share in SHARES:
        odds = cascade(found["arg_d"], found["arg"], folds, share)
        report[f"cascade_{100 * share:.0f}"] = _quality(odds, labels, share)
    report["oracle"] = _oracle(found, labels)
    return report


def cascade(small: Floats, large: Floats, folds: Places, share: float) -> Floats:
    """Return the small tier's log-odds, and the large one's where the small is least sure.

    The items of a fold are one population: they were judged by one model.
    """
    answered = small.copy()
    for fold in np.unique(folds):
        places = np.flatnonzero(folds == fold)
        unsure = np.argsort(np.abs(small[places]), kind="stable")[: round(share * len(places))]
        answered[places[unsure]] = large[places[unsure]]
    return answered


def spread(repeats: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Return the mean of each figure over the repeats, and the deviation of macro-F1."""
    report: dict[str, Figures] = {}
    for name, first in repeats[0].items():
        means = {key: float(np.mean([each[name][key] for each in repeats])) for key in first}
        deviation = float(np.std([each[name]["macro_f1"] for each in repeats]))
        rounded = {key: round(value, 4) for key, value in means.items()}
        report[name] = {**rounded, "macro_f1_std": round(deviation, 4)}
    return report


def _quality(odds: Floats, labels: Labels, share: float) -> Figures:
    said = odds >= 0
    harmless, sought = f1_score(labels, said, average=None)
    return {
        "macro_f1": float(harmless + sought) / 2,
        "f1_harmless": float(harmless),
        "f1_sought": float(sought),
        "auc": float(roc_auc_score(labels, odds)),
        "accuracy": float((said == labels).mean()),
        "llm_share": share,
    }


def _oracle(found: ByMethod, labels: Labels) -> Figures:
    """Return what a gate could reach that knows which tier is right, asking only if it helps."""
    small, large = found["arg_d"] >= 0, found["arg"] >= 0
    asks = (small != labels) & (large == labels)
    return _quality(np.where(asks, found["arg"], found["arg_d"]), labels, float(asks.mean()))


def _share(name: str) -> float:
    return float(name.startswith(_ASKING) and name != "arg_d")
