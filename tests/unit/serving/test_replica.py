import shutil

import numpy as np
import pytest

from fakes.sample_cascade import copy_sample
from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.encoders import fitted_encoder
from headgate.cascade.fitted import KIND
from headgate.errors import ArtifactError
from headgate.serving.cluster.body import part_of
from headgate.serving.replica import EncoderReplica

pytestmark = pytest.mark.slow


def arguments(folder, fitted):
    """What the body of a cluster says of the sample's encoder."""
    placed = copy_sample(folder, placement="deployment", artifact=fitted)
    (encoder,) = part_of(placed).applications
    return encoder["args"]


async def test_a_replica_gives_the_vectors_of_the_fitted_encoder(sample, tmp_path):
    texts = ["link eth0 is down", "fan 3 failed", ""]
    artifact = Artifact.open(sample.artifact, kind=KIND)

    vectors = await EncoderReplica(**arguments(tmp_path, sample.artifact)).encode(texts)

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

    with pytest.raises(ArtifactError, match="it was fitted with another:int8:256"):
        EncoderReplica(**arguments(tmp_path / "placed", str(tmp_path / "fitted")))


def test_a_replica_without_its_artifact_does_not_start(sample, tmp_path):
    given = arguments(tmp_path, sample.artifact)
    gone = {**given["files"], "artifact": str(tmp_path / "gone")}

    with pytest.raises(ArtifactError):
        EncoderReplica(**{**given, "files": gone})


def test_an_encoder_that_is_not_in_the_artifact_is_loaded_from_its_source(embedded):
    """Without an artifact: float32 weights, as they come."""
    model = {"source": "embedded", "revision": None, "precision": "float32", "max_tokens": 64}

    with pytest.raises(ArtifactError) as caught:
        EncoderReplica(model, "another", None)
    assert caught.value.place == "embedded"
