"""Opens a fitted cascade in this process, to be measured.

LoadedCascade -> artifact, encoders, large models -> Engine
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.artifact import Artifact
from headgate.cascade.assemble import Parts, assemble
from headgate.cascade.encoders import encoder_specs, fitted_encoder
from headgate.cascade.engine import Engine
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.large_models import Around, lm_specs, open_large_model, place_of, unchanged
from headgate.cascade.load import LoadedCascade
from headgate.lm.large_model import LargeModel
from headgate.stages.inline import InlineEncoder


def open_engine(
    loaded: LoadedCascade, environment: Mapping[str, str], *, around: Around = unchanged
) -> Engine:
    """Return the engine of a fitted cascade, with all its models in this process.

    Answers of large models are not cached: whoever asks twice is told twice what it takes.

    Args:
        loaded: The cascade; where its models are placed makes no difference.
        environment: Where keys and addresses are looked up.
        around: What stands before the engine of each large model.

    Raises:
        ArtifactError: It is not fitted, or for another file.
        ModelError: An encoder cannot be loaded, or a directory holds no large model.
        LmRefusedError: A key is not where the file says.
        InputError: Recordings or an address are wrong.
    """
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    read_fitted(artifact, loaded.spec)  # a mistake is said before weights are loaded
    large_models = open_large_models(loaded, environment, around=around)
    encoders = {
        name: InlineEncoder(fitted_encoder(loaded, artifact, name))
        for name in encoder_specs(loaded)
    }
    return assemble(loaded, artifact, Parts(encoders, large_models))


def open_large_models(
    loaded: LoadedCascade, environment: Mapping[str, str], *, around: Around = unchanged
) -> dict[str, LargeModel]:
    """Return the cascade's large models by name, without a cache; nothing is sent or loaded yet.

    Raises:
        LmRefusedError: A key is not where the file says.
        InputError: Recordings or an address are wrong.
        ModelError: A directory holds no large model.
    """
    found = {}
    for name, spec in lm_specs(loaded).items():
        uncached = spec.model_copy(update={"cache_entries": 0})
        place = place_of(loaded, name)
        found[name] = open_large_model(uncached, place, environment, around=around)
    return found
