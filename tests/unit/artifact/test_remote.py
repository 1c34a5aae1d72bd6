import shutil

import fsspec
import pytest

from headgate.artifact import Artifact
from headgate.artifact.remote import shown
from headgate.errors import ArtifactError

URL = "memory://bucket/fitted"


@pytest.fixture
def bucket(fitted):
    """A store in memory that holds a copy of the fitted artifact."""
    store = fsspec.filesystem("memory")
    for path in fitted.rglob("*"):
        if path.is_file():
            store.pipe(f"/bucket/fitted/{path.relative_to(fitted)}", path.read_bytes())
    yield store
    store.rm("/bucket", recursive=True)


def test_a_remote_artifact_is_copied_and_is_the_same(bucket, fitted, tmp_path):
    remote = Artifact.open(URL, cache=tmp_path / "cache")

    assert remote.manifest == Artifact.open(fitted).manifest
    assert remote.path("model.xml").read_text() == "<net/>"
    assert remote.directory.is_relative_to(tmp_path / "cache")


def test_a_second_opening_reads_the_manifest_only(bucket, tmp_path):
    Artifact.open(URL, cache=tmp_path)
    bucket.rm("/bucket/fitted/model.bin")

    assert Artifact.open(URL, cache=tmp_path).path("model.bin").stat().st_size == 64


def test_a_copy_that_was_damaged_is_fetched_again(bucket, tmp_path):
    Artifact.open(URL, cache=tmp_path).path("model.xml").write_text("<nat/>")

    assert Artifact.open(URL, cache=tmp_path).path("model.xml").read_text() == "<net/>"


def test_nothing_but_the_copy_stays_in_the_cache(bucket, tmp_path):
    artifact = Artifact.open(URL, cache=tmp_path / "cache")

    assert list((tmp_path / "cache/artifacts").iterdir()) == [artifact.directory]


@pytest.mark.parametrize(
    "name", ["manifest.json", "model.bin", "thresholds.json", "error_cases/index.faiss"]
)
def test_a_remote_file_that_was_altered_refuses_to_load(bucket, tmp_path, name):
    content = bytearray(bucket.cat(f"/bucket/fitted/{name}"))
    content[5] ^= 1
    bucket.pipe(f"/bucket/fitted/{name}", bytes(content))

    with pytest.raises(ArtifactError, match=f"bucket/fitted/{name}"):
        Artifact.open(URL, cache=tmp_path)


def test_a_remote_file_that_grew_is_not_copied_whole(bucket, tmp_path):
    bucket.pipe("/bucket/fitted/model.bin", bytes(1_000_000))

    with pytest.raises(ArtifactError, match="has 65 bytes, not the 64"):
        Artifact.open(URL, cache=tmp_path)


def test_a_remote_file_that_is_not_listed_is_not_copied(bucket, tmp_path):
    bucket.pipe("/bucket/fitted/head.pkl", b"")

    artifact = Artifact.open(URL, cache=tmp_path)

    assert not (artifact.directory / "head.pkl").exists()


def test_a_remote_file_that_is_missing_refuses_to_load_and_keeps_no_copy(bucket, tmp_path):
    bucket.rm("/bucket/fitted/model.xml")

    with pytest.raises(ArtifactError, match="there is no artifact here"):
        Artifact.open(URL, cache=tmp_path)

    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_missing_remote_artifact_says_how_to_fit_one(tmp_path):
    with pytest.raises(ArtifactError, match="headgate fit CASCADE --labels LABELS"):
        Artifact.open("memory://bucket/nothing", cache=tmp_path)


def test_an_unknown_protocol_is_an_error_of_the_location(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot be read \(ValueError\)"):
        Artifact.open("carrierpigeon://roof/fitted", cache=tmp_path)


def test_no_credentials_are_in_the_error(tmp_path):
    url = "carrierpigeon://user:canary@roof/fitted?signature=canary"

    with pytest.raises(ArtifactError) as caught:
        Artifact.open(url, cache=tmp_path)

    assert "canary" not in str(caught.value)
    assert caught.value.place == "carrierpigeon://roof/fitted"


def test_an_at_sign_in_a_path_is_shown():
    assert shown("s3://bucket/a@b/fitted") == "s3://bucket/a@b/fitted"


def test_a_cache_that_cannot_be_written_is_an_error_of_ours(bucket, tmp_path):
    (tmp_path / "artifacts").write_text("in the way")

    with pytest.raises(ArtifactError, match="cannot be read"):
        Artifact.open(URL, cache=tmp_path)


def test_a_file_url_is_opened_in_place(fitted, tmp_path):
    artifact = Artifact.open(f"file://{fitted}", cache=tmp_path / "cache")

    assert artifact.directory == fitted
    shutil.rmtree(fitted)
    with pytest.raises(ArtifactError, match="there is no artifact here"):
        Artifact.open(f"file://{fitted}")
