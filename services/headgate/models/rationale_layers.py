"""One network of ARG in numpy, as `fitting/rationale_network` trains it in torch.

Inputs  ->  words (width)  ->  attention both ways between news and each rationale
        ->  usefulness of each perspective  ->  trust in its verdict, weight of what it has found
        ->  attention over news and perspectives  ->  log-odds (n,)

Departures from the paper: LayerNorm for BatchNorm and masks everywhere, so neither padding nor the
rest of a batch changes an answer; the usefulness that is told is the weight that is used; and the
verdicts and the student's log-odds are read beside the words, so that few labelled rows do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from headgate.models.rationale_inputs import Array, Inputs, Mask

Weights = Mapping[str, Array]
"""By the names of the torch module's parameters."""

TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a network says of a batch."""

    log_odds: Array
    """Shape (n,), of the second label."""
    usefulness: Array
    """Shape (n, perspectives), 0 to 1; means nothing where a perspective is missing."""
    feature: Array
    """Shape (n, width + 1): what was gathered from words, and the trusted verdict."""


def forward(weights: Weights, inputs: Inputs) -> Found:
    """Return what one network says of each item.

    Source:
        Hu et al. 2024, arXiv:2309.12247, section 4.1.
    """
    news = _words(inputs.news, weights, "news") * inputs.news_mask[..., np.newaxis]
    views = _words(inputs.rationales, weights, "rationale")
    views = (views + weights["views"][:, np.newaxis]) * inputs.rationale_mask[..., np.newaxis]
    seen = _attended(views, news[:, np.newaxis], inputs.news_mask[:, np.newaxis], weights, "rx")
    told = _attended(news[:, np.newaxis], views, inputs.rationale_mask, weights, "xr")
    seen = _mean(seen, inputs.rationale_mask)
    told = _mean(told, inputs.news_mask[:, np.newaxis])
    useful = _useful(told, inputs, weights)
    usefulness = expit(useful) if "useful.out.weight" in weights else np.ones_like(useful)
    trust = _softmax(weights["trust"] * useful, inputs.present)
    verdict = (trust * inputs.verdicts).sum(-1)
    gathered = _gathered(news, inputs, seen * usefulness[..., np.newaxis], weights)
    log_odds = (
        _head(gathered, weights)
        + weights["verdict"] * verdict
        + weights["student"] * inputs.student
        + weights["bias"]
    )
    return Found(log_odds, usefulness, np.concatenate([gathered, verdict[:, np.newaxis]], axis=-1))


def _words(vectors: Array, weights: Weights, name: str) -> Array:
    """Return words of the network's width, (..., dim) to (..., width)."""
    scaled = (vectors - weights["mean"]) / weights["scale"]
    return _normal(_linear(scaled, weights, name), weights, f"{name}_norm")


def _attended(asking: Array, read: Array, mask: Mask, weights: Weights, name: str) -> Array:
    """Return what each asking word finds in what is read, shape (n, views, asking, width)."""
    queries = asking @ weights[f"{name}.query"]
    keys = read @ weights[f"{name}.key"]
    scores = queries @ np.swapaxes(keys, -1, -2) / np.float32(np.sqrt(keys.shape[-1]))
    return _softmax(scores, mask[..., np.newaxis, :]) @ (read @ weights[f"{name}.value"])


def _useful(told: Array, inputs: Inputs, weights: Weights) -> Array:
    """Return the log-odds that each perspective's verdict is right, shape (n, views)."""
    if "useful.out.weight" not in weights:
        return np.zeros_like(inputs.verdicts)
    agrees = np.sign(inputs.verdicts) * inputs.student[:, np.newaxis]
    signs = np.stack([inputs.verdicts, np.abs(inputs.verdicts), agrees], axis=-1)
    views = np.broadcast_to(weights["views"], told.shape)
    hidden = _linear(np.concatenate([told, views, signs], axis=-1), weights, "useful.hidden")
    return _linear(np.maximum(hidden, 0), weights, "useful.out")[..., 0]


def _gathered(news: Array, inputs: Inputs, experts: Array, weights: Weights) -> Array:
    """Return news and experts in one vector, shape (n, width)."""
    pooling = _softmax(news @ weights["pool"], inputs.news_mask)
    pooled = (pooling[..., np.newaxis] * news).sum(-2)
    everything = np.concatenate([pooled[:, np.newaxis], experts], axis=1)
    there = np.concatenate([np.ones_like(inputs.present[:, :1]), inputs.present], axis=1)
    shares = _softmax(everything @ weights["gather"], there)
    return _normal((shares[..., np.newaxis] * everything).sum(-2), weights, "gather_norm")


def _head(gathered: Array, weights: Weights) -> Array:
    hidden = np.maximum(_linear(gathered, weights, "head.hidden"), 0)
    return _linear(hidden, weights, "head.out")[..., 0]


def _linear(values: Array, weights: Weights, name: str) -> Array:
    product: Array = values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product


def _normal(values: Array, weights: Weights, name: str) -> Array:
    """Return values with mean 0 and deviation 1 over the last axis, scaled and moved."""
    centred = values - values.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-5))
    scaled: Array = centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return scaled


def _softmax(scores: Array, mask: Mask) -> Array:
    """Return shares over the last axis, 0 behind the mask; all 0 where it hides everything."""
    shown = np.where(mask, scores, np.float32(-1e9))
    exponents = np.exp(shown - shown.max(-1, keepdims=True)) * mask
    shares: NDArray[np.float32] = exponents / np.maximum(exponents.sum(-1, keepdims=True), TINY)
    return shares


def _mean(values: Array, mask: Mask) -> Array:
    """Return the mean over words that are there, (n, views, words, width) to (n, views, width)."""
    total = (values * mask[..., np.newaxis]).sum(-2)
    mean: Array = total / np.maximum(mask.sum(-1), 1)[..., np.newaxis].astype(np.float32)
    return mean
