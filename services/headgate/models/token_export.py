"""Makes the token encoder from float32 weights, once, at fit time.

safetensors -> torch module of the lower layers -> OpenVINO, float16 weights -> tokens.xml, .bin
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.errors import ModelError
from headgate.models.quantize import one_conversion, quiet
from headgate.models.source import EncoderSource
from headgate.models.token_encoder import (
    INPUTS,
    LAYERS,
    MODEL_FILE,
    TOKENIZER_FILE,
    open_tokenizer,
)
from headgate.models.tokenizer import pad

if TYPE_CHECKING:
    import torch


def write_token_encoder(source: EncoderSource, directory: Path) -> None:
    """Write `FILES`: the encoder's first `LAYERS` layers, weights as float16, and its tokenizer.

    Raises:
        ModelError: The encoder cannot be converted.
    """
    try:
        with one_conversion, quiet():
            _convert(source, directory)
    except Exception as error:
        raise ModelError(
            f"models.{source.name}",
            f"its lower layers cannot be converted ({type(error).__name__})",
            "Give an encoder with BERT's layers.",
        ) from error
    shutil.copy(source.directory / "tokenizer.json", directory / TOKENIZER_FILE)


def _convert(source: EncoderSource, directory: Path) -> None:
    import openvino
    import torch

    tokenizer = open_tokenizer(source.directory / "tokenizer.json")
    ids = [each.ids for each in tokenizer.encode_batch(["Who built it?", "When?"])]
    example = {name: torch.from_numpy(array) for name, array in zip(INPUTS, pad(ids), strict=True)}
    shape = openvino.PartialShape([-1, -1])
    inputs = [(name, shape, openvino.Type.i64) for name in INPUTS]
    model = openvino.convert_model(_lower(source), example_input=example, input=inputs)
    openvino.save_model(model, str(directory / MODEL_FILE))


def _lower(source: EncoderSource) -> torch.nn.Module:
    """Return a torch module: ids, mask -> hidden states after the first layers."""
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(source.directory, local_files_only=True)
    config.num_hidden_layers = min(LAYERS, config.num_hidden_layers)

    class Lower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = AutoModel.from_pretrained(
                source.directory,
                config=config,
                attn_implementation="eager",
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.transformer(input_ids, attention_mask).last_hidden_state
            return hidden

    return Lower().eval()
