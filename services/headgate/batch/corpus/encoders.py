"""The encoder of an index, and how the same one is found again.

EncoderChoice -> load -> Encoder;  EncoderChoice <-> the manifest's `model`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from headgate.artifact import JSON
from headgate.models.encoder import Encoder


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """What is loaded to embed passages and queries."""

    source: str = "embedded"
    """`embedded`, a directory, or a hub id such as `org/name`."""
    revision: str | None = None
    """The hub's commit or tag."""
    precision: Literal["int8", "float32"] = "int8"
    """int8 is made for CPUs; float32 uses a GPU when there is one."""
    max_tokens: int = 256
    """Read of each passage; the rest is found by its words only."""

    @classmethod
    def of(cls, model: Mapping[str, JSON]) -> EncoderChoice:
        """Return the choice that a manifest remembers."""
        return cls(
            str(model["source"]),
            cast(str | None, model["revision"]),
            cast(Literal["int8", "float32"], model["precision"]),
            cast(int, model["max_tokens"]),
        )

    def facts(self) -> dict[str, JSON]:
        """Return what `of` needs."""
        source = str(Path(self.source).absolute()) if Path(self.source).is_dir() else self.source
        return {**asdict(self), "source": source}

    def load(self) -> Encoder:
        """Return the encoder; int8 files are made in half a minute if no cache has them.

        Raises:
            ModelError: Files are missing, altered or not an encoder's.
        """
        from headgate.models.encoder import ReferenceEncoder
        from headgate.models.source import resolve_source

        source = resolve_source(self.source, self.revision)
        if self.precision == "float32":
            return ReferenceEncoder(source, self.max_tokens)
        from headgate.models.quantize import int8_directory
        from headgate.models.quantized import QuantizedEncoder

        return QuantizedEncoder(int8_directory(source), self.max_tokens)
