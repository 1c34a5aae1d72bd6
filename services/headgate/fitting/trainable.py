"""An encoder whose last layers can be trained, between its first and its trained weights.

texts (n)  ->  tokens  ->  transformer  ->  mean over tokens, scaled to length 1  (n, dim)
pairs of texts  ->  loss  ->  one step of AdamW
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headgate.errors import ModelError
from headgate.models.encoder import ReferenceEncoder, Vectors
from headgate.models.source import EncoderSource
from headgate.models.tokenizer import BatchTokenizer, pad

if TYPE_CHECKING:
    import torch

_COPIED_FILES = (
    *("config.json", "tokenizer.json"),
    *("tokenizer_config.json", "special_tokens_map.json"),
)
_PROBES = ("age at diagnosis: 34, 56", "color", "the date on which an order was shipped")
_SAME_COSINE = 0.999
"""Two float32 paths through one encoder agree better; another pooling, worse."""
_SUB_BATCH = 32
_WEIGHT_DECAY = 0.01
_LONGEST_GRADIENT = 1.0
_RISE = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a step of training goes."""

    learning_rate: float
    """Of AdamW, at its highest."""
    temperature: float
    """Cosines are divided by it: the lower, the more the nearest wrong text counts."""


class TrainableEncoder:
    """A transformer whose word vectors and first layers stay as they are.

    It has no dropout, so nothing in it is drawn by chance.
    """

    def __init__(self, source: EncoderSource, *, max_tokens: int, frozen_layers: int) -> None:
        """Load the weights, on the CPU.

        Args:
            source: Checked files.
            max_tokens: Longer texts are cut.
            frozen_layers: Layers that are not trained; the last one always is.

        Raises:
            ModelError: The files make no encoder, or one that does more than average its tokens.
        """
        import torch
        from transformers import AutoModel

        self._source = source
        self._tokenizer = BatchTokenizer(source.directory / "tokenizer.json", max_tokens)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # of weights that the files lack and no vector depends on
                self._model = AutoModel.from_pretrained(
                    source.directory,
                    use_safetensors=True,
                    trust_remote_code=False,
                    local_files_only=True,
                )
        except Exception as error:
            raise ModelError(
                f"models.{source.name}",
                f"transformers cannot load it ({type(error).__name__})",
                "Check that the directory holds a sentence-transformers encoder.",
            ) from error
        self._model.eval()
        self._trained = _trainable(self._model, frozen_layers)
        self._first = [weight.detach().clone() for weight in self._trained]
        self._last = self._first
        self._check_pooling(max_tokens)

    def _check_pooling(self, max_tokens: int) -> None:
        """Refuse an encoder whose vectors are others than the means that are trained here."""
        wanted = ReferenceEncoder(self._source, max_tokens, "cpu").encode(_PROBES)
        own = self.encode(_PROBES)
        if wanted.shape != own.shape or float((wanted * own).sum(axis=1).min()) < _SAME_COSINE:
            raise ModelError(
                f"models.{self._source.name}",
                "its vectors are not the mean over its tokens, which is all that can be tuned",
                "Leave the tuning out for this encoder.",
            )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim)."""
        import torch

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), int(self._model.config.hidden_size)), np.float32)
        with torch.no_grad():
            for start in range(0, len(order), _SUB_BATCH):
                rows = order[start : start + _SUB_BATCH]
                vectors[rows] = self._embed([texts[row] for row in rows]).numpy()
        return vectors

    def train(
        self, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], *, steps: int, pace: Pace
    ) -> Iterator[float]:
        """Take one step for each batch of pairs, and yield its loss.

        Args:
            pairs: Texts and, in the same order, the texts that they should be the most alike to.
            steps: How many batches there are.
            pace: How far each step goes.
        """
        import torch

        optimizer = torch.optim.AdamW(self._trained, pace.learning_rate, weight_decay=_WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: _slope(done, steps))
        for firsts, seconds in pairs:
            loss = _contrast(self._embed(firsts), self._embed(seconds), seconds, pace.temperature)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self._trained, _LONGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            yield loss.item()
        self._last = [weight.detach().clone() for weight in self._trained]

    def move(self, share: float) -> None:
        """Use the weights at a share of the way from the first, 0, to the trained ones, 1.

        Source:
            Wortsman et al. 2022, Robust fine-tuning of zero-shot models, arXiv:2109.01903.
        """
        import torch

        with torch.no_grad():
            for weight, first, last in zip(self._trained, self._first, self._last, strict=True):
                # Nothing of a weight that ran away to infinity is still no number.
                weight.copy_(torch.lerp(first, last, share) if share else first)

    def save(self, directory: Path) -> None:
        """Write the encoder with the weights in use; the directory stays flat, as artifacts are.

        Without a file that says so sentence-transformers takes the mean over the tokens, too.
        """
        from safetensors.torch import save_model

        directory.mkdir(parents=True, exist_ok=True)
        save_model(self._model, str(directory / "model.safetensors"), {"format": "pt"})
        for name in _COPIED_FILES:
            if (self._source.directory / name).is_file():
                shutil.copyfile(self._source.directory / name, directory / name)

    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Return unit vectors, shape (len(texts), dim), through which gradients flow."""
        import torch

        ids, mask = map(torch.from_numpy, pad(self._tokenizer.encode(texts)))
        hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


def _trainable(model: torch.nn.Module, frozen_layers: int) -> list[torch.nn.Parameter]:
    """Return the weights of the layers behind the frozen ones, of which one is left at least."""
    import torch

    layers = max(
        (part for part in model.modules() if isinstance(part, torch.nn.ModuleList)), key=len
    )
    model.requires_grad_(False)
    trained = layers[min(frozen_layers, len(layers) - 1) :]
    trained.requires_grad_(True)
    return list(trained.parameters())


def _slope(done: int, steps: int) -> float:
    """Return the part of the learning rate: up for a tenth of the steps, then down to 0."""
    return min((done + 1) / (_RISE * steps), (steps - done) / ((1 - _RISE) * steps), 1.0)


def _contrast(
    firsts: torch.Tensor, seconds: torch.Tensor, texts: Sequence[str], temperature: float
) -> torch.Tensor:
    """Return the mean surprise, in nats, at which second belongs to which first and back.

    Seconds of equal texts cannot be told apart, so they do not stand against each other.

    Source:
        Radford et al. 2021, Learning transferable visual models, arXiv:2103.00020, figure 3.
    """
    import torch

    answers = torch.arange(len(texts))
    equal = torch.tensor([[a == b for b in texts] for a in texts]).fill_diagonal_(False)
    alike = (firsts @ seconds.T / temperature).masked_fill(equal, -torch.inf)
    entropy = torch.nn.functional.cross_entropy
    return (entropy(alike, answers) + entropy(alike.T, answers)) / 2
