import hashlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.artifact import Artifact, ArtifactWriter, sha256_of
from headgate.errors import ArtifactError

FILES = ["error_cases/index.faiss", "manifest.json", "model.bin", "model.xml", "thresholds.json"]


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def test_sha256_of_a_file_is_the_published_one_for_abc(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert sha256_of(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_opening_gives_back_what_was_written(fitted):
    artifact = Artifact.open(fitted, kind="cascade")

    assert artifact.kind == "cascade"
    assert artifact.facts == {"epsilon": 0.02, "labels": ["match", "mismatch"], "seed": 7}
    assert artifact.read_json("thresholds.json") == {"triage": 0.75}
    assert artifact.path("model.xml").read_text() == "<net/>"
    assert (artifact.folder("error_cases") / "index.faiss").read_bytes() == b"vectors"
    assert artifact.revision == sha256_of(fitted / "manifest.json")[:12]


def test_a_plain_path_a_string_a_link_to_it_and_a_file_url_open_the_same_artifact(fitted):
    link = fitted.with_name("current")
    link.symlink_to(fitted)

    opened = [Artifact.open(location) for location in (fitted, str(fitted), link, f"file://{link}")]

    assert {artifact.revision for artifact in opened} == {opened[0].revision}
    assert {artifact.directory for artifact in opened} == {fitted}


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_refuses_to_load(fitted, name):
    flip(fitted / name, bit=37)

    with pytest.raises(ArtifactError, match=name):
        Artifact.open(fitted)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_flipped_bit_anywhere_goes_unseen(fitted, data):
    path = fitted / data.draw(st.sampled_from(FILES))
    bit = data.draw(st.integers(0, path.stat().st_size * 8 - 1))
    flip(path, bit)

    with pytest.raises(ArtifactError):
        Artifact.open(fitted)

    flip(path, bit)
    Artifact.open(fitted)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="truncated"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"\n"), id="longer"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.unlink(), id="missing"),
    ],
)
def test_a_damaged_file_refuses_to_load(fitted, name, damage):
    damage(fitted / name)

    with pytest.raises(ArtifactError):
        Artifact.open(fitted)


def test_the_error_names_the_file_and_both_hashes(fitted):
    (fitted / "model.xml").write_text("<nat/>")
    listed = hashlib.sha256(b"<net/>").hexdigest()[:12]
    found = sha256_of(fitted / "model.xml")[:12]

    with pytest.raises(ArtifactError) as caught:
        Artifact.open(fitted)

    assert str(caught.value) == (
        f"{fitted}/model.xml: was altered: sha256 is {found}, not {listed}. "
        "Copy it again from where it was fitted, or fit it again."
    )


def test_two_files_of_one_size_that_changed_places_refuse_to_load(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        writer.path("a.txt").write_text("keep")
        writer.path("b.txt").write_text("send")
        writer.finish("cascade", {})
    (tmp_path / "fitted/a.txt").write_text("send")
    (tmp_path / "fitted/b.txt").write_text("keep")

    with pytest.raises(ArtifactError, match=r"a\.txt: was altered"):
        Artifact.open(tmp_path / "fitted")


@pytest.mark.parametrize("name", ["notes.txt", "error_cases/more.json", ".hidden", "a/b/c.json"])
def test_a_file_that_is_not_listed_refuses_to_load(fitted, name):
    (fitted / name).parent.mkdir(parents=True, exist_ok=True)
    (fitted / name).write_text("{}")

    with pytest.raises(ArtifactError, match=f"'{name}', which the manifest does not list"):
        Artifact.open(fitted)


@pytest.mark.parametrize("name", ["model.xml", "manifest.json", "error_cases"])
def test_a_symbolic_link_refuses_to_load_even_to_the_same_content(fitted, name):
    moved = fitted.with_name("elsewhere")
    shutil.move(fitted / name, moved)
    (fitted / name).symlink_to(moved)

    with pytest.raises(ArtifactError, match=r"link or not a plain file|is not a plain file"):
        Artifact.open(fitted)


def test_a_pipe_in_place_of_a_file_refuses_to_load_without_waiting(fitted):
    (fitted / "model.xml").unlink()
    os.mkfifo(fitted / "model.xml")

    with pytest.raises(ArtifactError, match="not a plain file"):
        Artifact.open(fitted)


def test_an_artifact_of_another_kind_refuses_to_load(fitted):
    with pytest.raises(ArtifactError, match="is of the kind 'cascade', not 'vector_store'"):
        Artifact.open(fitted, kind="vector_store")


@pytest.mark.parametrize("made", [True, False], ids=["empty-directory", "no-directory"])
def test_a_missing_artifact_says_how_to_fit_one(tmp_path, made):
    directory = tmp_path / "nothing"
    if made:
        directory.mkdir()

    with pytest.raises(ArtifactError) as caught:
        Artifact.open(directory)

    assert str(caught.value) == (
        f"{directory}: there is no artifact here. "
        "Fit it with: headgate fit CASCADE --labels LABELS."
    )


def test_a_name_that_is_not_listed_is_an_error_even_when_it_leads_outside(fitted):
    artifact = Artifact.open(fitted)

    for name in ("../fitted/model.xml", "/etc/hostname", "manifest.json", "error_cases"):
        with pytest.raises(ArtifactError, match="has no file"):
            artifact.path(name)
    with pytest.raises(ArtifactError, match="has no folder 'error'"):
        artifact.folder("error")


def test_a_fact_comes_with_its_type_or_not_at_all(fitted):
    artifact = Artifact.open(fitted)

    assert artifact.fact("epsilon", float) == 0.02
    with pytest.raises(ArtifactError, match="has no fact 'epsilon' of the type str"):
        artifact.fact("epsilon", str)
    with pytest.raises(ArtifactError, match="has no fact 'delta' of the type float"):
        artifact.fact("delta", float)


def test_a_listed_file_that_is_not_json_says_so_without_its_content(fitted):
    with pytest.raises(ArtifactError, match=r"model\.xml: is not JSON") as caught:
        Artifact.open(fitted).read_json("model.xml")

    assert "net" not in str(caught.value)
