"""Opens a fitted cascade in this process: every model inline, no server, no cluster.

LoadedCascade -> artifact checked -> encoders, large models -> Engine
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.artifact import Artifact
from headgate.cascade.assemble import Parts, assemble
from headgate.cascade.encoders import encoder_specs, fitted_encoder
from headgate.cascade.engine import Engine
from headgate.cascade.fitted import KIND
from headgate.cascade.large_models import open_large_model
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import OpenAiSpec, ReplaySpec
from headgate.stages.inline import InlineEncoder


def open_engine(
    loaded: LoadedCascade, environment: Mapping[str, str], *, artifact: str = ""
) -> Engine:
    """Return the cascade's engine.

    Args:
        loaded: The cascade.
        environment: Where keys and OPENAI_BASE_URL are looked up.
        artifact: The fitted directory; the file's own when empty.

    Raises:
        ArtifactError: It is missing, altered or fitted for another file.
        ModelError: An encoder cannot be loaded.
        LmRefusedError: A large model's key is not where the file says.
    """
    opened = Artifact.open(artifact or loaded.artifact, kind=KIND)
    encoders = {
        name: InlineEncoder(fitted_encoder(loaded, opened, name)) for name in encoder_specs(loaded)
    }
    models = {
        name: open_large_model(spec, loaded.recordings.get(name, ""), environment)
        for name, spec in loaded.spec.models.items()
        if isinstance(spec, OpenAiSpec | ReplaySpec)
    }
    return assemble(loaded, opened, Parts(encoders, models))
