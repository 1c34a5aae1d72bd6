"""What each tier of a cascade said about labelled rows, and what it cost.

scores, kept, gold, small, large, costs (n,)  ->  Outcomes: who is right, where they differ
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headgate.errors import InputError

Loss: TypeAlias = Literal["agree", "regret"]
"""What keeping a row may cost: another answer than the large model's, or a wrong one."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """One value a row in each field; rows that no threshold was set on.

    Where the large model failed, a cascade answers with the small model's answer, marked
    degraded. So does every policy here; only the large model *alone* is wrong there.
    """

    ids: tuple[str, ...]
    scores: NDArray[np.float64]
    """Shape (n,): the confidence the gate compares; higher is surer, and may be infinite."""
    kept: NDArray[np.bool_]
    """Shape (n,): the large model was not asked. Rows the small models failed on count as kept."""
    gold: tuple[str, ...]
    small: tuple[str, ...]
    """The small models' answers; empty where they failed."""
    large: tuple[str, ...]
    """The large model's answers, about every row; empty where it failed."""
    small_cost_usd: NDArray[np.float64]
    large_cost_usd: NDArray[np.float64]
    """Shape (n,): what asking about the row costs, kept or not."""
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a slice, such as "system", to its value in each row."""
    groups: tuple[str, ...] = ()
    """Rows of one group, such as one log template, are near-copies of one another; empty when
    every row stands for itself."""

    def __post_init__(self) -> None:
        """Refuse columns that do not fit together.

        Raises:
            InputError: There are no rows.
            ValueError: A column has another length, a score is NaN, `kept` is not boolean, or a
                cost is negative or not finite.
        """
        if not self.ids:
            raise InputError("labels", "there are no rows", "Give at least one.")
        self._check_lengths()
        if self.kept.dtype != np.bool_:
            raise ValueError(f"kept has type {self.kept.dtype}, and must be boolean")
        if np.isnan(self.scores).any():
            raise ValueError("a score is NaN")
        for name in ("small_cost_usd", "large_cost_usd"):
            costs = getattr(self, name)
            if not (np.isfinite(costs) & (costs >= 0)).all():
                raise ValueError(f"{name} has a cost that is negative or not finite")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def small_right(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether the small models' answer is the right one."""
        return _equal(self.small, self.gold)

    @cached_property
    def large_right(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether the large model's own answer is the right one."""
        return _equal(self.large, self.gold)

    @cached_property
    def large_failed(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether the large model gave no answer."""
        return np.array([not answer for answer in self.large])

    @cached_property
    def escalated(self) -> tuple[str, ...]:
        """Return the answer of each row if it is sent on: the small one where the large fails."""
        return tuple(large or small for small, large in zip(self.small, self.large, strict=True))

    @cached_property
    def escalated_right(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether the row is answered rightly if it is sent on."""
        return _equal(self.escalated, self.gold)

    @cached_property
    def disagree(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether sending the row on changes its answer; `agree`'s loss."""
        return ~_equal(self.small, self.escalated)

    @cached_property
    def regret(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether only sending the row on makes it right; `regret`'s loss."""
        return self.escalated_right & ~self.small_right

    def loss(self, kind: Loss) -> NDArray[np.bool_]:
        """Return, shape (n,), whether keeping the row would be a loss of that kind."""
        return self.disagree if kind == "agree" else self.regret

    @cached_property
    def cascade(self) -> tuple[str, ...]:
        """Return the answer of each row as the gate decided."""
        return tuple(
            small if kept else sent
            for kept, small, sent in zip(self.kept, self.small, self.escalated, strict=True)
        )

    @cached_property
    def cascade_right(self) -> NDArray[np.bool_]:
        """Return, shape (n,), whether the cascade answered the row rightly."""
        return _equal(self.cascade, self.gold)

    def _check_lengths(self) -> None:
        """Refuse a column that has not one value a row."""
        columns: dict[str, Sequence[object] | NDArray[np.generic]] = {
            "scores": self.scores,
            "kept": self.kept,
            "gold": self.gold,
            "small": self.small,
            "large": self.large,
            "small_cost_usd": self.small_cost_usd,
            "large_cost_usd": self.large_cost_usd,
            **{f"slice {name!r}": values for name, values in self.slices.items()},
        }
        if self.groups:
            columns["groups"] = self.groups
        for name, column in columns.items():
            shape = np.asarray(column).shape
            if shape != (len(self.ids),):
                raise ValueError(f"{name} has shape {shape}, and there are {len(self.ids)} rows")


def _equal(answers: Sequence[str], others: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([one == other for one, other in zip(answers, others, strict=True)])
