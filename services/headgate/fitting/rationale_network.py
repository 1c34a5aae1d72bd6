"""Trains the networks of ARG in torch; `models/rationale_layers` runs them.

ItemFeatures (n), labels (n)  ->  Adam, stopped by held-out items  ->  Weights
loss = how wrong the answer is + how wrong the usefulness is + how ill rationales tell verdicts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headgate.models.rationale_inputs import Array, Inputs, ItemFeatures, collate
from headgate.models.rationale_layers import Weights, forward

if TYPE_CHECKING:
    import torch

    from headgate.fitting.rationale_module import Adviser

Labels = NDArray[np.bool_]

_BATCH = 64
_MISSING = 0.1
"""Share of advice that is hidden in training, so that a missing perspective is nothing new."""
_LEAST_SCALE = 1e-4


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network of ARG is built and trained; chosen by cross-validation on training rows."""

    width: int = 16
    epochs: int = 15
    patience: int = 3
    """Epochs without a better held-out loss before training ends."""
    learning_rate: float = 5e-3
    weight_decay: float = 1.0
    dropout: float = 0.5
    usefulness: float = 0.5
    """Weight of the usefulness evaluator's loss; 0 leaves the evaluator out."""
    judgement: float = 0.25
    """Weight of the loss of telling the verdict from the rationale; 0 leaves it out."""


def train_member(
    items: Sequence[ItemFeatures],
    labels: Labels,
    held: NDArray[np.int64],
    *,
    recipe: Recipe,
    seed: int,
) -> Weights:
    """Train one network.

    Args:
        items: With advice from at least one perspective each.
        labels: Whether each deserves the second label.
        held: Places of items that only say when to stop.
        recipe: How.
        seed: Of first weights, order and dropout; the same seed gives the same weights.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _train(items, labels, held, recipe)


def held_out_loss(weights: Weights, items: Sequence[ItemFeatures], labels: Labels) -> float:
    """Return the mean surprise of the network at the labels, in nats."""
    return surprise_at(run_in_batches(weights, items)[0], labels)


def surprise_at(log_odds: Array, labels: Labels) -> float:
    """Return the mean surprise at the labels, in nats, of log-odds (n,)."""
    margins = np.where(labels, log_odds, -log_odds).astype(np.float64)
    return float(np.logaddexp(0, -margins).mean())


def run_in_batches(weights: Weights, items: Sequence[ItemFeatures]) -> tuple[Array, Array]:
    """Return log-odds (n,) and features (n, width + 1) of items, in order."""
    parts = [
        forward(weights, collate(items[start : start + _BATCH]))
        for start in range(0, len(items), _BATCH)
    ]
    return (
        np.concatenate([part.log_odds for part in parts]),
        np.concatenate([part.feature for part in parts]),
    )


def _train(
    items: Sequence[ItemFeatures], labels: Labels, held: NDArray[np.int64], recipe: Recipe
) -> Weights:
    import torch

    from headgate.fitting.rationale_module import Adviser

    mean, scale = word_scale(items)
    adviser = Adviser(mean, scale, views=len(items[0].rationales), recipe=recipe)
    kept = np.setdiff1d(np.arange(len(items)), held)
    optimizer = _optimizer(adviser, recipe)

    def train_epoch() -> None:
        adviser.train()
        order = kept[torch.randperm(len(kept)).numpy()]
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            inputs = hide_some(collate([items[row] for row in rows]), _MISSING)
            loss = adviser.loss(inputs, torch.from_numpy(labels[rows]))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(adviser.parameters(), 1.0)
            optimizer.step()

    outside = [items[row] for row in held]
    return best_epoch(
        train_epoch,
        adviser.weights,
        lambda weights: held_out_loss(weights, outside, labels[held]),
        recipe,
    )


def best_epoch(
    train_epoch: Callable[[], None],
    weights_now: Callable[[], Weights],
    loss_of: Callable[[Weights], float],
    recipe: Recipe,
) -> Weights:
    """Return the weights with the least held-out loss, those before any training included."""
    best = weights_now()
    least, since = loss_of(best), 0
    for _ in range(recipe.epochs):
        train_epoch()
        weights = weights_now()
        loss = loss_of(weights)
        since += 1
        if loss < least:
            best, least, since = weights, loss, 0
        if since >= recipe.patience:
            break
    return best


def word_scale(items: Sequence[ItemFeatures]) -> tuple[Array, Array]:
    """Return mean and standard deviation of the words' features, each of shape (dim,)."""
    words = np.concatenate([part for item in items for part in (item.news, *item.rationales)])
    if not len(words):
        return np.zeros(words.shape[1], np.float32), np.ones(words.shape[1], np.float32)
    scale = np.maximum(words.std(axis=0, dtype=np.float64), _LEAST_SCALE)
    return words.mean(axis=0, dtype=np.float64).astype(np.float32), scale.astype(np.float32)


def hide_some(inputs: Inputs, share: float) -> Inputs:
    """Return the inputs with some advice missing, never the last that an item has."""
    import torch

    hidden = torch.rand(inputs.present.shape).numpy() < share
    present = inputs.present & ~hidden
    present = np.where(present.any(axis=1, keepdims=True), present, inputs.present)
    return mask_views(inputs, present)


def mask_views(inputs: Inputs, present: NDArray[np.bool_]) -> Inputs:
    """Return the inputs as if advice that is not present had never come."""
    return replace(
        inputs,
        rationale_mask=inputs.rationale_mask & present[..., np.newaxis],
        verdicts=np.where(present, inputs.verdicts, np.float32(0)),
        present=present,
    )


def _optimizer(adviser: Adviser, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW; numbers that weigh verdicts against each other move faster and freely."""
    import torch

    few = [each for each in adviser.parameters() if each.ndim == 0]
    many = [each for each in adviser.parameters() if each.ndim > 0]
    return torch.optim.AdamW(
        [
            {"params": few, "lr": 10 * recipe.learning_rate, "weight_decay": 0.0},
            {"params": many, "lr": recipe.learning_rate, "weight_decay": recipe.weight_decay},
        ]
    )
