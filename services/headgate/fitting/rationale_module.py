"""ARG in torch, as `models/rationale_layers` is in numpy, with what it learns by; and ARG-D.

Inputs  ->  log-odds (n,), usefulness (n, perspectives), told verdicts (n, perspectives)  ->  loss
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from headgate.models.rationale_inputs import Array, Inputs
from headgate.models.rationale_layers import TINY, Weights

if TYPE_CHECKING:
    from headgate.fitting.rationale_network import Recipe

_SIGNS = 3
_HIDDEN, _DROPOUT = 64, 0.5
"""Of a simulator."""
_TRAINING_ONLY = ("judge",)
_FIRST_VERDICT, _FIRST_STUDENT = 1.0, 0.5
"""Slopes before any training: verdicts are believed, and a student's half as much."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the network says of a batch, and what only training asks."""

    log_odds: torch.Tensor
    """Shape (n,)."""
    useful: torch.Tensor
    """Shape (n, perspectives), log-odds that the verdict is right."""
    judged: torch.Tensor
    """Shape (n, perspectives), log-odds of the verdict, told from the rationale alone."""


class Adviser(torch.nn.Module):
    """Dual attention between news and rationales, usefulness, weights, aggregation."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: Array, scale: Array, *, views: int, recipe: Recipe) -> None:
        """Draw first weights from torch's own generator.

        Args:
            mean: Of the words' features, shape (dim,).
            scale: Their standard deviation, shape (dim,).
            views: How many perspectives there are.
            recipe: Width, dropout and which parts are left out.
        """
        super().__init__()
        width = recipe.width
        self._recipe = recipe
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.news = torch.nn.Linear(len(mean), width)
        self.rationale = torch.nn.Linear(len(mean), width)
        self.news_norm = torch.nn.LayerNorm(width)
        self.rationale_norm = torch.nn.LayerNorm(width)
        self.gather_norm = torch.nn.LayerNorm(width)
        self.views = torch.nn.Parameter(0.1 * torch.randn(views, width))
        self.rx, self.xr = _Attention(width), _Attention(width)
        self.pool, self.gather, self.judge_pool = (_direction(width) for _ in range(3))
        self.judge = torch.nn.Linear(width, 1)
        self.head = _Head(width, width)
        if recipe.usefulness:
            self.useful = _Head(2 * width + _SIGNS, width)
        self.trust = torch.nn.Parameter(torch.tensor(1.0))
        self.verdict = torch.nn.Parameter(torch.tensor(_FIRST_VERDICT))
        self.student = torch.nn.Parameter(torch.tensor(_FIRST_STUDENT))
        self.bias = torch.nn.Parameter(torch.tensor(0.0))

    def weights(self) -> Weights:
        """Return what inference needs, by name."""
        return {
            name: tensor.detach().numpy().copy()
            for name, tensor in self.state_dict().items()
            if not name.startswith(_TRAINING_ONLY)
        }

    def loss(self, inputs: Inputs, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch, of labels (n,) that are booleans.

        Source:
            Hu et al. 2024, arXiv:2309.12247, section 4.2.
        """
        outcome = self(inputs)
        present = torch.from_numpy(inputs.present)
        verdicts = torch.from_numpy(inputs.verdicts)
        wanted = labels.to(torch.float32)
        loss = functional.binary_cross_entropy_with_logits(outcome.log_odds, wanted)
        if self._recipe.usefulness:
            right = ((verdicts > 0) == labels[:, None]).to(torch.float32)
            loss = loss + self._recipe.usefulness * _surprise(outcome.useful, right, present)
        if self._recipe.judgement:
            said = torch.sigmoid(verdicts)
            spoken = present & torch.from_numpy(inputs.rationale_mask.any(axis=-1))
            loss = loss + self._recipe.judgement * _surprise(outcome.judged, said, spoken)
        return loss

    def forward(self, inputs: Inputs) -> Outcome:
        """Return what the network says of each item."""
        news_mask, view_mask, present, verdicts, student = map(
            torch.from_numpy,
            (
                *(inputs.news_mask, inputs.rationale_mask, inputs.present),
                *(inputs.verdicts, inputs.student),
            ),
        )
        news = self._words(inputs.news, self.news, self.news_norm) * news_mask[..., None]
        views = self._words(inputs.rationales, self.rationale, self.rationale_norm)
        views = (views + self.views[:, None]) * view_mask[..., None]
        news, views = self._dropped(news), self._dropped(views)
        seen = _mean(self.rx(views, news[:, None], news_mask[:, None]), view_mask)
        told = _mean(self.xr(news[:, None], views, view_mask), news_mask[:, None])
        useful = self._useful(told, verdicts, student)
        weight = torch.sigmoid(useful) if self._recipe.usefulness else torch.ones_like(useful)
        pooled = (_softmax(news @ self.pool, news_mask)[..., None] * news).sum(-2)
        everything = torch.cat([pooled[:, None], seen * weight[..., None]], dim=1)
        there = torch.cat([torch.ones_like(present[:, :1]), present], dim=1)
        shares = _softmax(everything @ self.gather, there)
        gathered = self.gather_norm((shares[..., None] * everything).sum(-2))
        trusted = (_softmax(self.trust * useful, present) * verdicts).sum(-1)
        log_odds = self.head(self._dropped(gathered))[..., 0] + self.verdict * trusted
        log_odds = log_odds + self.student * student + self.bias
        judging = _softmax(views @ self.judge_pool, view_mask)
        judged = self.judge((judging[..., None] * views).sum(-2))[..., 0]
        return Outcome(log_odds, useful, judged)

    def _words(
        self, vectors: Array, linear: torch.nn.Module, norm: torch.nn.Module
    ) -> torch.Tensor:
        words: torch.Tensor = norm(linear((torch.from_numpy(vectors) - self.mean) / self.scale))
        return words

    def _useful(
        self, told: torch.Tensor, verdicts: torch.Tensor, student: torch.Tensor
    ) -> torch.Tensor:
        if not self._recipe.usefulness:
            return torch.zeros_like(verdicts)
        agrees = torch.sign(verdicts) * student[:, None]
        signs = torch.stack([verdicts, verdicts.abs(), agrees], dim=-1)
        views = self.views.expand(told.shape)
        useful: torch.Tensor = self.useful(torch.cat([self._dropped(told), views, signs], dim=-1))
        return useful[..., 0]

    def _dropped(self, values: torch.Tensor) -> torch.Tensor:
        return functional.dropout(values, self._recipe.dropout, self.training)


class Guesser(torch.nn.Module):
    """Guesses the feature of a teacher from a text, and what it comes to; a `Simulator`."""

    def __init__(self, inputs: int, feature: int) -> None:
        """Draw first weights from torch's own generator; nothing is added at first."""
        super().__init__()
        self.hidden = torch.nn.Linear(inputs, _HIDDEN)
        self.feature = torch.nn.Linear(_HIDDEN, feature)
        self.out = torch.nn.Parameter(torch.zeros(feature))

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the feature (n, feature) and what is added to the log-odds (n,)."""
        hidden = functional.relu(self.hidden(inputs))
        feature = self.feature(functional.dropout(hidden, _DROPOUT, self.training))
        return feature, feature @ self.out

    def weights(self) -> Weights:
        """Return the fields of a `Simulator`, by name."""
        tensors = {
            "hidden": self.hidden.weight.T,
            "hidden_bias": self.hidden.bias,
            "feature": self.feature.weight.T,
            "feature_bias": self.feature.bias,
            "out": self.out,
        }
        return {name: each.detach().numpy().copy() for name, each in tensors.items()}


class _Attention(torch.nn.Module):
    """One head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (_square(width) for _ in range(3))

    def forward(self, asking: torch.Tensor, read: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return what each asking word finds in what is read."""
        keys = read @ self.key
        scores = asking @ self.query @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        return _softmax(scores, mask[..., None, :]) @ (read @ self.value)


class _Head(torch.nn.Module):
    """One hidden layer; what it says is 0 at first."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(inputs, hidden)
        self.out = torch.nn.Linear(hidden, 1)
        torch.nn.init.zeros_(self.out.weight)
        torch.nn.init.zeros_(self.out.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return shape (..., 1)."""
        said: torch.Tensor = self.out(functional.relu(self.hidden(values)))
        return said


def _square(width: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(width, width) / math.sqrt(width))


def _direction(width: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(width) / math.sqrt(width))


def _softmax(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return shares over the last axis, 0 behind the mask; all 0 where it hides everything."""
    shown = scores.masked_fill(~mask, -1e9)
    exponents = torch.exp(shown - shown.amax(-1, keepdim=True).detach()) * mask
    return exponents / exponents.sum(-1, keepdim=True).clamp_min(TINY)


def _mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    total = (values * mask[..., None]).sum(-2)
    return total / mask.sum(-1).clamp_min(1)[..., None]


def _surprise(log_odds: torch.Tensor, wanted: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean surprise over what is there; 0 where nothing is."""
    each = functional.binary_cross_entropy_with_logits(log_odds, wanted, reduction="none")
    return (each * mask).sum() / mask.sum().clamp_min(1)
