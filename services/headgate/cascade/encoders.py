"""Loads the encoders that a cascade names.

EncoderSpec, its source, the artifact's folder or none  ->  Encoder
"""

from __future__ import annotations

from pathlib import Path

from headgate.artifact import Artifact
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import EncoderSpec
from headgate.models.encoder import Encoder, ReferenceEncoder
from headgate.models.quantized import QuantizedEncoder
from headgate.models.source import resolve_source


def encoder_specs(loaded: LoadedCascade) -> dict[str, EncoderSpec]:
    """Return the encoders of a cascade by name."""
    models = loaded.spec.models.items()
    return {name: model for name, model in models if isinstance(model, EncoderSpec)}


def encoder_folder(name: str) -> str:
    """Return the artifact's folder that holds the encoder's int8 files."""
    return f"encoder_{name}"


def load_encoder(
    spec: EncoderSpec, source: str, int8_files: Path | None, device: str | None = None
) -> Encoder:
    """Load an encoder.

    Args:
        spec: Precision and limits.
        source: `embedded`, an absolute directory or a hub id.
        int8_files: Directory of the int8 files; needed for int8.
        device: For float32: `cpu` or `cuda`; the best there is when absent.

    Raises:
        ModelError: Files are missing, altered or not an encoder's.
    """
    if spec.precision == "float32":
        return ReferenceEncoder(resolve_source(source, spec.revision), spec.max_tokens, device)
    if int8_files is None:
        raise ValueError("int8 needs its files. This is a bug.")
    return QuantizedEncoder(int8_files, spec.max_tokens)


def fitted_encoder(loaded: LoadedCascade, artifact: Artifact, name: str) -> Encoder:
    """Load an encoder as it was fitted: int8 and tuned files come from the artifact."""
    spec = encoder_specs(loaded)[name]
    if spec.precision == "int8":
        return load_encoder(spec, loaded.sources[name], artifact.folder(encoder_folder(name)))
    if spec.tuning is not None:
        return load_encoder(spec, str(artifact.folder(encoder_folder(name))), None)
    return load_encoder(spec, loaded.sources[name], None)
