"""ARG: decides from a large model's advice how likely the second label is right.

texts (n), advice (n, perspectives), the student's log-odds (n)
    ->  token features  ->  several networks, averaged  ->  Weighed (n)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from headgate.errors import ModelError
from headgate.models.hashed_tokens import HashedTokens
from headgate.models.rationale_inputs import Array, Inputs, collate, read_items
from headgate.models.rationale_layers import Weights, forward
from headgate.models.token_encoder import MODEL_FILE, OpenVinoTokenEncoder, TokenEncoder
from headgate.types import Advice

WEIGHTS_FILE = "rationale.safetensors"
FACTS_FILE = "rationale.json"
FILES = (WEIGHTS_FILE, FACTS_FILE)

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Weighed:
    """What comes of the advice on one item."""

    probability: float
    """Of the second label, 0 to 1."""
    usefulness: tuple[float | None, ...]
    """How far each perspective is trusted, 0 to 1, in their order; None for a missing one."""


@dataclass(frozen=True, slots=True, eq=False)
class RationaleNetwork:
    """Several networks that were trained from different first weights, and what they read."""

    perspectives: tuple[str, ...]
    """By name, in the order of their weights."""
    members: tuple[Weights, ...]
    encoder: TokenEncoder

    def weigh(
        self,
        texts: Sequence[str],
        advice: Sequence[Sequence[Advice | None]],
        log_odds: Sequence[float],
    ) -> list[Weighed]:
        """Return what comes of each item, in order, whatever else is in the batch.

        Args:
            texts: As small models read them.
            advice: Of each text, one a perspective in any order; None where there is none.
            log_odds: The student's, of the second label; NaN where it said nothing.

        Raises:
            ModelError: Advice is of an unknown perspective, or twice of the same.
        """
        items = read_items(
            texts, advice, log_odds, perspectives=self.perspectives, encoder=self.encoder
        )
        found: list[Weighed] = []
        for start in range(0, len(items), _AT_ONCE):
            probability, usefulness = self._average(collate(items[start : start + _AT_ONCE]))
            for place, likely in enumerate(probability.tolist()):
                by_name = dict(zip(self.perspectives, usefulness[place].tolist(), strict=True))
                found.append(Weighed(likely, _in_order(advice[start + place], by_name)))
        return found

    def _average(self, inputs: Inputs) -> tuple[Array, Array]:
        """Return probabilities (n,) and usefulness (n, perspectives), means over the networks."""
        each = [forward(weights, inputs) for weights in self.members]
        log_odds = np.mean([found.log_odds for found in each], axis=0)
        return expit(log_odds), np.mean([found.usefulness for found in each], axis=0)

    def save(self, directory: Path) -> None:
        """Write `FILES`; those of a token encoder are there already, where one was exported."""
        tensors = {
            f"{number}.{name}": np.ascontiguousarray(tensor)
            for number, weights in enumerate(self.members)
            for name, tensor in weights.items()
        }
        save_file(tensors, directory / WEIGHTS_FILE)
        facts = {
            "perspectives": list(self.perspectives),
            "members": len(self.members),
            "encoder": self.encoder.fingerprint,
            "dim": self.encoder.dim,
        }
        (directory / FACTS_FILE).write_text(json.dumps(facts, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> RationaleNetwork:
        """Read what `save` wrote; the caller has checked the files' hashes.

        Raises:
            ModelError: The files are not there, or were fitted over another token encoder.
        """
        try:
            facts = json.loads((directory / FACTS_FILE).read_text(encoding="utf-8"))
            tensors = load_file(directory / WEIGHTS_FILE)
            members = tuple(_member(tensors, number) for number in range(facts["members"]))
            perspectives, wanted = tuple(facts["perspectives"]), facts["encoder"]
            encoder = open_token_encoder(directory, facts["dim"])
        except Exception as error:
            raise ModelError(
                str(directory),
                f"what weighs advice cannot be loaded ({type(error).__name__})",
                "Fit the cascade again.",
            ) from error
        if encoder.fingerprint != wanted:
            raise ModelError(
                str(directory), "it was fitted over another token encoder", "Fit the cascade again."
            )
        return cls(perspectives, members, encoder)


def open_token_encoder(directory: Path, dim: int) -> TokenEncoder:
    """Return the exported encoder in the directory, or the one that needs no files."""
    if (directory / MODEL_FILE).is_file():
        return OpenVinoTokenEncoder(directory)
    return HashedTokens(dim)


def _member(tensors: Weights, number: int) -> Weights:
    prefix = f"{number}."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _in_order(
    advice: Sequence[Advice | None], by_name: dict[str, float]
) -> tuple[float | None, ...]:
    return tuple(None if each is None else by_name[each.perspective] for each in advice)
