"""The weights of a large model in this process, run by the transformers library.

source, revision, precision  ->  weights, tokenizer  ->  LocalCall  ->  LocalAnswer, one at a time
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

from headgate.errors import LmError, LmRefusedError, ModelError
from headgate.lm.chat_text import chat_text
from headgate.lm.faults import AnswerFault
from headgate.lm.local_call import LocalAnswer, LocalCall
from headgate.lm.log_probs import mean_log_prob
from headgate.lm.seam import RawAnswer, TransientLmError
from headgate.lm.token_watch import Stop, TokenWatch

Precision: TypeAlias = Literal["bfloat16", "float32"]
"""The arithmetic of weights."""

_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
_SAFE_ONLY = "Only safetensors weights are loaded, never pickled ones, and no code of a model"


def check_directory(source: str) -> None:
    """Refuse a directory that cannot hold a large model, before anything is loaded.

    Raises:
        ModelError: It is not there, or has no configuration or no safetensors weights.
    """
    folder = Path(source)
    if not folder.is_dir():
        problem = "there is no such directory"
        raise ModelError(f"models.{source}", problem, "Name one, or 'org/name' on the hub.")
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        problem = "no config.json with *.safetensors in it"
        raise ModelError(f"models.{source}", problem, f"{_SAFE_ONLY}.")


class LocalWeights:
    """A loaded model with its tokenizer; for one thread at a time."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - no types
        """Wrap what was loaded; `name` is for messages."""
        self._name = name
        self._model = model
        self._tokenizer = tokenizer
        known = model.generation_config.eos_token_id
        ends = tokenizer.eos_token_id if known is None else known
        self._ends = ends if isinstance(ends, list) else [] if ends is None else [ends]

    @classmethod
    def load(cls, source: str, revision: str | None, precision: Precision) -> LocalWeights:
        """Return the model of a directory or of the hub, on the GPU where there is one.

        Args:
            source: An absolute directory, or a hub id.
            revision: The commit or tag on the hub.
            precision: The arithmetic of the weights.

        Raises:
            ModelError: Its files are missing, broken, not safetensors or not a language model's.
        """
        folder = source if source.startswith("/") else _download(source, revision)
        check_directory(folder)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # our callers show their own progress
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=getattr(torch, precision), use_safetensors=True, **options
            )
            model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        except Exception as error:
            problem = f"it cannot be loaded as a language model ({type(error).__name__})"
            remedy = f"{_SAFE_ONLY}; check the files, and the memory of the machine."
            raise ModelError(f"models.{source}", problem, remedy) from error
        return cls(source, model, tokenizer)

    def answer(self, call: LocalCall, stop: Stop) -> LocalAnswer:
        """Return what the model writes, unchecked.

        Args:
            call: What to answer.
            stop: Ends the work early.

        Raises:
            TransientLmError: It was ended early.
            LmRefusedError: The prompt is longer than what the model reads.
            LmError: The model cannot be run.
        """
        started = time.monotonic()
        watch = TokenWatch(stop, weigh=bool(call.weighed))
        if stop.over:
            raise self._too_late()
        try:
            answer = self._written(call, watch)
        except LmError:
            raise
        except Exception as error:
            problem = f"the model failed ({type(error).__name__})"
            remedy = "Check that its files are whole and that it has memory enough."
            raise LmError(self._place, problem, remedy) from error
        if watch.stopped and answer.fault is not None:
            raise self._too_late()
        return LocalAnswer(answer, time.monotonic() - started)

    @property
    def _place(self) -> str:
        return f"large model {self._name!r}"

    def _too_late(self) -> TransientLmError:
        problem = "the time was over before its answer was complete"
        return TransientLmError(self._place, problem, "Allow more time, or use a faster model.")

    def _written(self, call: LocalCall, watch: TokenWatch) -> RawAnswer:
        text = chat_text(self._tokenizer, call.messages, call.response_format)
        # A template writes the special tokens itself.
        templated = bool(self._tokenizer.chat_template)
        read = self._tokenizer(text, add_special_tokens=not templated, return_tensors="pt")
        size = int(read["input_ids"].shape[1])
        ids = self._generate(read, watch, call, min(call.most_tokens, self._room(size)))
        written = ids[0, size:].tolist()
        ended = bool(written) and written[-1] in self._ends
        answer = self._decoded(written)
        return RawAnswer(
            text=answer,
            input_tokens=size,
            output_tokens=len(written),
            fault=None if ended else AnswerFault.TRUNCATED,
            log_prob=self._log_prob(answer, written, watch.log_probs(ids), call.weighed),
        )

    def _room(self, size: int) -> int:
        """Return how many tokens fit behind a prompt of that size."""
        config = self._model.config.get_text_config()
        most = getattr(config, "max_position_embeddings", None)
        if most is not None and size >= most:
            problem = f"the prompt has {size} tokens, and the model reads {most}"
            remedy = "Use a model that reads more, or give it less to read."
            raise LmRefusedError(self._place, problem, remedy)
        return int(most) - size if most is not None else size + 2**30

    def _generate(self, read: Any, watch: TokenWatch, call: LocalCall, most: int) -> Any:  # noqa: ANN401
        """Return the ids of prompt and answer, shape (1, both)."""
        from transformers import GenerationConfig

        freely = {"temperature": call.temperature, "top_k": 0, "top_p": 1.0}
        config = GenerationConfig(
            max_new_tokens=most,
            do_sample=call.temperature > 0,
            eos_token_id=self._ends or None,
            pad_token_id=self._tokenizer.pad_token_id or 0,
            **(freely if call.temperature > 0 else {}),
        )
        read = read.to(self._model.device)
        return self._model.generate(
            input_ids=read["input_ids"],
            attention_mask=read["attention_mask"],
            generation_config=config,
            logits_processor=[watch.logits],
            stopping_criteria=[watch.is_over],
        )

    def _log_prob(
        self, answer: str, written: list[int], log_probs: Sequence[float], weighed: str
    ) -> float | None:
        if not weighed:
            return None
        # Each token's text is what it adds: alone, half a character could not be decoded.
        ends = [self._decoded(written[:count]) for count in range(len(written) + 1)]
        pieces = [after.removeprefix(before) for before, after in pairwise(ends)]
        tokens = [
            {"token": piece, "logprob": log_prob}
            for piece, log_prob in zip(pieces, log_probs, strict=True)
        ]
        return mean_log_prob(answer, tokens, weighed)

    def _decoded(self, ids: list[int]) -> str:
        """Return the text of tokens; of a character that is not complete yet, nothing."""
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text.rstrip("\ufffd")


def _download(source: str, revision: str | None) -> str:
    """Return the local snapshot of a hub model; HF_HOME and HF_HUB_OFFLINE are honoured."""
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(source, revision=revision, allow_patterns=list(_HUB_FILES))
    except Exception as error:
        raise ModelError(
            f"models.{source}",
            f"the model hub did not give it ({type(error).__name__})",
            "Check the name, the network and HF_HUB_OFFLINE, or name a local directory.",
        ) from error
