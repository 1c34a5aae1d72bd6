"""The cascades of one gateway: loaded, shared models and all, and found by name.

inlined cascades -> artifacts checked -> encoders, large models -> engines by name

A cascade that cannot be loaded is there with its problem; the others answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.artifact import Artifact
from headgate.cascade.assemble import Parts, assemble
from headgate.cascade.encoders import encoder_folder, encoder_specs, fitted_encoder
from headgate.cascade.engine import Engine
from headgate.cascade.fitted import KIND
from headgate.cascade.large_models import open_large_model
from headgate.cascade.load import LoadedCascade, from_inline
from headgate.cascade.spec import EncoderSpec, OpenAiSpec, ReplaySpec
from headgate.errors import ArtifactError, HeadgateError, NotFoundError
from headgate.lm.large_model import LargeModel
from headgate.models.quantized import WEIGHTS_FILE
from headgate.serving.remote import RemoteEncoder
from headgate.stages.contract import TextEncoder
from headgate.stages.inline import InlineEncoder
from headgate.types import CascadeSummary

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hosted:
    """One cascade of the gateway."""

    name: str
    description: str
    engine: Engine | None
    problem: HeadgateError | None = None

    @property
    def summary(self) -> CascadeSummary:
        """Return one line about it."""
        revision = self.engine.revision if self.engine else ""
        problem = str(self.problem) if self.problem else ""
        return CascadeSummary(
            self.name, revision, self.description, ready=not problem, problem=problem
        )


class Host:
    """Holds the engines; swaps all of them at once when it is configured anew."""

    def __init__(self) -> None:
        self._hosted: dict[str, Hosted] = {}
        self._encoders: dict[str, TextEncoder] = {}
        self._large_models: dict[str, LargeModel] = {}

    @property
    def hosted(self) -> list[Hosted]:
        """Return the cascades by name."""
        return [self._hosted[name] for name in sorted(self._hosted)]

    async def configure(self, cascades: Sequence[Mapping[str, Any]]) -> None:
        """Load cascades that `cascade.load.inline` made values of, and serve these from now on."""
        loaded = [from_inline(values) for values in cascades]
        hosted = {each.name: await self._open(each) for each in loaded}
        self._hosted = hosted

    def engine(self, name: str) -> Engine:
        """Return the engine of a cascade; an empty name means the only one.

        Raises:
            NotFoundError: There is no such cascade.
            HeadgateError: What kept it from loading.
        """
        hosted = self._find(name)
        if hosted.engine is None:
            raise hosted.problem or ArtifactError(name, "it is not loaded", "Fit it.")
        return hosted.engine

    def _find(self, name: str) -> Hosted:
        if not name and len(self._hosted) == 1:
            return next(iter(self._hosted.values()))
        if name not in self._hosted:
            known = ", ".join(sorted(self._hosted)) or "none"
            raise NotFoundError(f"cascade {name!r}", "it is not served here", f"Served: {known}.")
        return self._hosted[name]

    async def _open(self, loaded: LoadedCascade) -> Hosted:
        description = loaded.document.metadata.description or ""
        try:
            artifact = Artifact.open(loaded.artifact, kind=KIND)
            parts = Parts(
                {name: self._encoder(loaded, artifact, name) for name in encoder_specs(loaded)},
                self._models(loaded),
            )
            engine = assemble(loaded, artifact, parts)
            await engine.warm_up()
        except HeadgateError as error:
            log.error("cascade_not_loaded name=%s problem=%s", loaded.name, error)
            return Hosted(loaded.name, description, None, error)
        return Hosted(loaded.name, description, engine)

    def _encoder(self, loaded: LoadedCascade, artifact: Artifact, name: str) -> TextEncoder:
        """Return the running encoder, shared by all cascades that mean the same files."""
        key = encoder_key(loaded, artifact, name)
        if key not in self._encoders:
            spec = encoder_specs(loaded)[name]
            if spec.placement == "deployment":
                fingerprint = str(dict(artifact.facts)["encoders"][name])  # type: ignore[index,call-overload]
                self._encoders[key] = RemoteEncoder(encoder_app(key), fingerprint)
            else:
                self._encoders[key] = InlineEncoder(fitted_encoder(loaded, artifact, name))
        return self._encoders[key]

    def _models(self, loaded: LoadedCascade) -> dict[str, LargeModel]:
        """Return the large models, each kept as long as its settings stay the same."""
        found = {}
        for name, spec in loaded.spec.models.items():
            if isinstance(spec, OpenAiSpec | ReplaySpec):
                recordings = loaded.recordings.get(name, "")
                key = f"{spec.model_dump_json()}{recordings}{_modified(recordings)}"
                if key not in self._large_models:
                    self._large_models[key] = open_large_model(spec, recordings, os.environ)
                found[name] = self._large_models[key]
        return found


def _modified(path: str) -> str:
    return str(Path(path).stat().st_mtime_ns) if path and Path(path).is_file() else ""


def encoder_key(loaded: LoadedCascade, artifact: Artifact, name: str) -> str:
    """Return what two cascades must agree on to share an encoder."""
    spec: EncoderSpec = encoder_specs(loaded)[name]
    weights = ""
    if spec.precision == "int8":
        weights = artifact.manifest.files[f"{encoder_folder(name)}/{WEIGHTS_FILE}"].sha256
    parts = (loaded.sources[name], spec.revision, spec.precision, spec.max_tokens, spec.placement)
    return hashlib.sha256(repr((*parts, weights)).encode()).hexdigest()[:12]


def encoder_app(key: str) -> str:
    """Return the name of the Serve application that runs the encoder."""
    return f"encoder-{key}"
