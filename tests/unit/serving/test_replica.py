import shutil
from dataclasses import replace

import numpy as np
import pytest

from fakes.sample_cascade import copy_sample
from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.encoders import fitted_encoder
from headgate.cascade.fitted import KIND
from headgate.cascade.load import inline
from headgate.errors import ArtifactError
from headgate.serving.replica import EncoderReplica

pytestmark = pytest.mark.slow


async def test_a_replica_gives_the_vectors_of_the_fitted_encoder(sample):
    texts = ["link eth0 is down", "fan 3 failed", ""]
    artifact = Artifact.open(sample.artifact, kind=KIND)

    vectors = await EncoderReplica(inline(sample), "slm").encode(texts)

    expected = fitted_encoder(sample, artifact, "slm").encode(texts)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, expected)


def test_a_replica_refuses_an_artifact_of_another_encoder(sample, tmp_path):
    """As after an update of the package: thresholds and cases belong to other vectors."""
    fitted = Artifact.open(sample.artifact, kind=KIND)
    with ArtifactWriter(tmp_path / "fitted") as writer:
        for name in fitted.manifest.files:
            shutil.copyfile(fitted.path(name), writer.path(name))
        writer.finish(KIND, {**fitted.facts, "encoders": {"slm": "another:int8:256"}})
    loaded = copy_sample(tmp_path)

    with pytest.raises(ArtifactError, match="it was fitted with another:int8:256"):
        EncoderReplica(inline(loaded), "slm")


def test_a_replica_without_its_artifact_does_not_start(sample, tmp_path):
    loaded = replace(sample, artifact=str(tmp_path / "gone"))

    with pytest.raises(ArtifactError):
        EncoderReplica(inline(loaded), "slm")
