import hashlib
import shutil

import pytest

from headgate.errors import ModelError
from headgate.models.source import EMBEDDED, EMBEDDED_SHA256, check_directory, resolve_source

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"[]"}


@pytest.fixture
def directory(tmp_path):
    """Files with the names of an encoder's; finding and hashing does not read them."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_embedded_encoder_is_the_pinned_one(embedded):
    assert embedded.name == EMBEDDED
    for name, expected in EMBEDDED_SHA256.items():
        with (embedded.directory / name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == expected


def test_an_altered_embedded_encoder_is_refused_with_both_hashes(directory, embedded):
    shutil.copy(embedded.directory / "tokenizer.json", directory)

    with pytest.raises(ModelError) as refusal:
        check_directory(EMBEDDED, directory)

    assert refusal.value.place == "models.embedded.model.safetensors"
    assert hashlib.sha256(b"weights").hexdigest() in refusal.value.problem
    assert EMBEDDED_SHA256["model.safetensors"] in refusal.value.problem


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EMBEDDED_SHA256))
def test_one_flipped_bit_in_the_embedded_encoder_is_found(name, embedded, tmp_path):
    for each in FILES:
        shutil.copy(embedded.directory / each, tmp_path)
    flip_bit(tmp_path / name)

    with pytest.raises(ModelError, match=f"models.embedded.{name}: sha256 is"):
        check_directory(EMBEDDED, tmp_path)


def test_a_directory_is_named_by_its_path_and_its_content(directory):
    source = resolve_source(str(directory))

    hashes = [f"{name}:{hashlib.sha256(FILES[name]).hexdigest()}\n" for name in sorted(FILES)]
    assert source.directory == directory
    assert source.name == str(directory)
    assert source.sha256 == hashlib.sha256("".join(hashes).encode()).hexdigest()


@pytest.mark.parametrize("name", [*FILES, "1_Pooling/config.json"])
def test_one_flipped_bit_is_another_encoder(name, directory):
    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_bytes(b"{}")
    before = resolve_source(str(directory))

    flip_bit(directory / name)

    assert resolve_source(str(directory)).sha256 != before.sha256


def test_a_pooling_that_is_not_there_is_another_encoder(directory):
    before = resolve_source(str(directory))

    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_bytes(b"{}")

    assert resolve_source(str(directory)).sha256 != before.sha256


def test_the_same_files_elsewhere_are_the_same_encoder(directory, tmp_path_factory):
    copied = shutil.copytree(directory, tmp_path_factory.mktemp("elsewhere") / "copy")

    assert resolve_source(str(copied)).sha256 == resolve_source(str(directory)).sha256


def test_pickled_weights_are_refused(directory):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")

    with pytest.raises(ModelError, match=r"no model\.safetensors in .* never pickled weights"):
        resolve_source(str(directory))


def test_all_missing_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json, model\.safetensors, tokenizer\.json"):
        resolve_source(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        pytest.param("no/such/directory", id="missing-directory"),
        pytest.param("not a model!", id="no-hub-id"),
        pytest.param("headgate-tests/never-published", id="hub-out-of-reach"),
    ],
)
def test_what_is_neither_here_nor_on_the_hub_is_refused(source):
    with pytest.raises(ModelError) as refusal:
        resolve_source(source, "v1")

    assert refusal.value.place == f"models.{source}"
    assert "no such directory, and the model hub did not give it" in refusal.value.problem
    assert "HF_HUB_OFFLINE" in refusal.value.remedy
