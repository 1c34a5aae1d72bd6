import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.artifact import Artifact, ArtifactWriter
from headgate.artifact.writer import _put_in_place
from headgate.errors import ArtifactError


def write(directory: Path, threshold: float = 0.5) -> Artifact:
    with ArtifactWriter(directory) as writer:
        writer.write_json("threshold.json", threshold)
        return writer.finish("cascade", {"seed": 7})


def test_what_finish_returns_is_what_opening_returns(tmp_path):
    assert write(tmp_path / "fitted") == Artifact.open(tmp_path / "fitted")


def test_same_content_gives_the_same_manifest_byte_for_byte(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "deep/b")

    first, second = tmp_path / "a/manifest.json", tmp_path / "deep/b/manifest.json"
    assert first.read_bytes() == second.read_bytes()


def test_other_content_gives_another_revision(tmp_path):
    assert write(tmp_path / "a", 0.5).revision != write(tmp_path / "b", 0.6).revision


def test_only_the_owner_may_look_inside(tmp_path):
    artifact = write(tmp_path / "fitted")

    assert stat.S_IMODE(artifact.directory.stat().st_mode) == 0o700


def test_a_new_artifact_replaces_an_older_one_and_leaves_nothing_beside(tmp_path):
    write(tmp_path / "fitted", 0.5)
    write(tmp_path / "fitted", 0.6)

    assert Artifact.open(tmp_path / "fitted").read_json("threshold.json") == 0.6
    assert [path.name for path in tmp_path.iterdir()] == ["fitted"]


def test_an_artifact_whose_files_are_damaged_can_be_replaced(tmp_path):
    (write(tmp_path / "fitted", 0.5).directory / "threshold.json").write_text("")
    write(tmp_path / "fitted", 0.6)

    assert Artifact.open(tmp_path / "fitted").read_json("threshold.json") == 0.6


def test_an_empty_directory_is_used(tmp_path):
    (tmp_path / "fitted").mkdir()

    write(tmp_path / "fitted")

    Artifact.open(tmp_path / "fitted")


def test_an_exception_leaves_the_older_artifact_and_nothing_else(tmp_path):
    before = write(tmp_path / "fitted")

    with contextlib.suppress(KeyError), ArtifactWriter(tmp_path / "fitted") as writer:
        writer.path("half/index.faiss").write_bytes(b"half")
        raise KeyError

    assert Artifact.open(tmp_path / "fitted") == before
    assert [path.name for path in tmp_path.iterdir()] == ["fitted"]


def test_leaving_without_finish_leaves_nothing(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        writer.write_json("a.json", 1)

    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_while_writing_leaves_the_older_artifact_intact(tmp_path):
    before = write(tmp_path / "fitted")
    script = (
        "import os, pathlib, sys\n"
        "from headgate.artifact import ArtifactWriter\n"
        "writer = ArtifactWriter(pathlib.Path(sys.argv[1]))\n"
        "writer.write_json('threshold.json', 0.6)\n"
        "os.kill(os.getpid(), 9)\n"
    )

    command = [sys.executable, "-c", script, str(tmp_path / "fitted")]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    # Our own interpreter and script.
    died = subprocess.run(command, check=False, env=environment)  # noqa: S603

    assert died.returncode == -9
    assert Artifact.open(tmp_path / "fitted") == before


def test_when_the_new_artifact_cannot_be_moved_in_the_older_one_comes_back(tmp_path):
    before = write(tmp_path / "fitted")

    with pytest.raises(FileNotFoundError):
        _put_in_place(tmp_path / ".fitted.gone.partial", tmp_path / "fitted")

    assert Artifact.open(tmp_path / "fitted") == before


@pytest.mark.parametrize("names", [["notes.md"], ["manifest.json"], ["manifest.json", "a.json"]])
def test_a_directory_that_is_no_artifact_is_never_replaced(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("{}")

    with pytest.raises(ArtifactError, match="is there already and is not an artifact"):
        write(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_an_artifact_with_a_file_of_the_user_is_never_replaced(tmp_path):
    before = write(tmp_path / "fitted")
    (tmp_path / "fitted/labels.jsonl").write_text("{}")

    with pytest.raises(ArtifactError, match=r"would be replaced but holds 'labels\.jsonl'"):
        write(tmp_path / "fitted")

    assert (before.directory / "labels.jsonl").exists()


@pytest.mark.parametrize("link", [True, False], ids=["link", "file"])
def test_a_file_or_a_link_in_the_place_is_never_replaced(tmp_path, link):
    place, fitted = tmp_path / "place", write(tmp_path / "fitted").directory
    if link:
        place.symlink_to(fitted)
    else:
        place.write_text("mine")

    with pytest.raises(ArtifactError, match="is not a directory"):
        write(place)


def test_what_takes_the_place_while_writing_is_not_replaced(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        (tmp_path / "fitted").mkdir()
        (tmp_path / "fitted/mine.txt").write_text("mine")
        with pytest.raises(ArtifactError, match="is not an artifact"):
            writer.finish("cascade", {})

    assert (tmp_path / "fitted/mine.txt").read_text() == "mine"


def test_a_name_that_leads_elsewhere_is_refused(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        with pytest.raises(ArtifactError, match="cannot hold a file named"):
            writer.path("../escaped.json")
        with pytest.raises(ArtifactError, match="cannot hold a file named"):
            writer.folder("a/b")

    assert list(tmp_path.iterdir()) == []


def test_a_forbidden_file_written_past_the_writer_is_found_at_the_end(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        (writer.path("a.txt").parent / "head.pkl").write_bytes(b"")
        with pytest.raises(ArtifactError, match=r"'head\.pkl': its ending is not allowed"):
            writer.finish("cascade", {})


def test_facts_that_json_cannot_carry_are_refused_with_their_place(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        with pytest.raises(ArtifactError, match=r"manifest\.json: holds a number"):
            writer.finish("cascade", {"auc": float("nan")})
        with pytest.raises(ArtifactError, match=r"a\.json: holds a number"):
            writer.write_json("a.json", [float("inf")])


def test_an_artifact_can_hold_another_one_as_a_subfolder(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        write(writer.folder("error_cases"))
        writer.finish("cascade", {})

    inner = Artifact.open(Artifact.open(tmp_path / "fitted").folder("error_cases"))
    assert inner.read_json("threshold.json") == 0.5
