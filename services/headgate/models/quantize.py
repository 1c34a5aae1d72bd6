"""Makes the int8 encoder from float32 weights, once, at fit time.

safetensors -> torch module that pools and normalises -> OpenVINO -> NNCF int8 -> model.xml, .bin
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path

from headgate.errors import ModelError
from headgate.models.calibration import calibration_texts
from headgate.models.encoder import ReferenceEncoder
from headgate.models.quantized import FILES, MODEL_FILE, TOKENIZER_FILE
from headgate.models.source import EncoderSource
from headgate.models.tokenizer import BatchTokenizer, pad

if TYPE_CHECKING:
    import torch

RECIPE = 1
"""Raised with every change of this file or of the calibration texts: cached files are made anew."""
CALIBRATION_BATCHES = 64
CALIBRATION_BATCH = 8
_CALIBRATION_MAX_TOKENS = 128
_SAME_COSINE = 0.999
"""Two float32 paths through one encoder agree better; another pooling, worse."""
one_conversion = threading.Lock()
"""Held during a conversion: tracing and `quiet` act on the whole process."""


def int8_directory(source: EncoderSource) -> Path:
    """Return a directory with the int8 files, made now (about half a minute) or found cached.

    The cache is keyed by weights and by the versions that shape the result. What is served is
    the copy inside the artifact, whose hashes are checked; the cache only saves time in `fit`.
    """
    made_with = f"recipe{RECIPE}-ov{version('openvino')}-nncf{version('nncf')}"
    key = f"{source.sha256[:16]}-{made_with}"
    cache_root = Path(os.environ.get("HEADGATE_CACHE", user_cache_path("headgate")))
    target = cache_root / "int8" / key
    with one_conversion:
        if not _complete(target):
            _fill(target, source)
    return target


def _complete(directory: Path) -> bool:
    return all((directory / name).is_file() for name in FILES)


def _fill(target: Path, source: EncoderSource) -> None:
    """Convert beside the target and rename, so that nobody sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        write_int8(source, made)
        if target.exists() and not _complete(target):
            target.rename(Path(scratch) / "incomplete")
        with contextlib.suppress(OSError):  # another process was first: its files are the same
            made.rename(target)


def write_int8(source: EncoderSource, directory: Path) -> None:
    """Quantise the encoder and write `FILES`.

    Post-training quantisation with the transformer preset, calibrated on 64 batches of 8 texts.

    Raises:
        ModelError: The encoder cannot be converted, or does more than average its tokens.
    """
    try:
        with quiet():
            _convert(source, directory)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"models.{source.name}",
            f"int8 conversion failed ({type(error).__name__})",
            "Use `precision: float32` for this encoder.",
        ) from error
    shutil.copy(source.directory / "tokenizer.json", directory / TOKENIZER_FILE)


def _convert(source: EncoderSource, directory: Path) -> None:
    """Trace, quantise and save."""
    import nncf
    import openvino
    import torch

    tokenizer = BatchTokenizer(source.directory / "tokenizer.json", _CALIBRATION_MAX_TOKENS)
    batches = _calibration_batches(tokenizer)
    example = {name: torch.from_numpy(array) for name, array in batches[0].items()}
    shape = openvino.PartialShape([-1, -1])
    inputs = [(name, shape, openvino.Type.i64) for name in example]
    pooled = _pooled(source)
    _check_pooling(source, pooled(**example).detach().numpy())
    model = openvino.convert_model(pooled, example_input=example, input=inputs)
    quantized = nncf.quantize(
        model,
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(batches),
    )
    openvino.save_model(quantized, str(directory / MODEL_FILE))


def _check_pooling(source: EncoderSource, vectors: np.ndarray) -> None:
    """Refuse an encoder whose own vectors of the first calibration texts are others.

    Its configuration may ask for another pooling, a further layer or a prompt.
    """
    reference = ReferenceEncoder(source, _CALIBRATION_MAX_TOKENS, "cpu")
    wanted = reference.encode(calibration_texts(CALIBRATION_BATCH))
    if wanted.shape != vectors.shape or float((wanted * vectors).sum(axis=1).min()) < _SAME_COSINE:
        raise ModelError(
            f"models.{source.name}",
            "its vectors are not the mean over its tokens, which is all the int8 path computes",
            "Use `precision: float32` for this encoder.",
        )


def _pooled(source: EncoderSource) -> Callable[..., torch.Tensor]:
    """Return a torch module: ids, mask -> mean over tokens, scaled to length 1."""
    import torch
    from transformers import AutoModel

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = AutoModel.from_pretrained(
                source.directory,
                attn_implementation="eager",
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.transformer(input_ids, attention_mask).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(mean, dim=1)

    return Pooled().eval()


def _calibration_batches(tokenizer: BatchTokenizer) -> list[dict[str, np.ndarray]]:
    texts = calibration_texts(CALIBRATION_BATCHES * CALIBRATION_BATCH)
    tokens = tokenizer.encode(texts)
    groups = [tokens[i : i + CALIBRATION_BATCH] for i in range(0, len(tokens), CALIBRATION_BATCH)]
    return [dict(zip(("input_ids", "attention_mask"), pad(g), strict=True)) for g in groups]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the converters' banners and progress bars: our caller shows its own progress."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            open(os.devnull, "w", encoding="utf-8") as sink,
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
