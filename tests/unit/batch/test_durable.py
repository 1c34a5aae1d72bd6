import json
import os
import stat

import pytest

from headgate.batch.durable import private_folder, replacing, write_json


def test_what_was_written_takes_the_place_at_the_end_of_the_block(tmp_path):
    place = tmp_path / "value.json"
    place.write_text("old", encoding="ascii")

    with replacing(place) as partial:
        partial.write_text("new", encoding="ascii")
        assert place.read_text(encoding="ascii") == "old"

    assert place.read_text(encoding="ascii") == "new"
    assert os.listdir(tmp_path) == ["value.json"]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    place = tmp_path / "value.json"
    place.write_text("old", encoding="ascii")

    with pytest.raises(ZeroDivisionError), replacing(place) as partial:
        _ = 1 // (partial.write_text("half", encoding="ascii") - 4)

    assert place.read_text(encoding="ascii") == "old"
    assert os.listdir(tmp_path) == ["value.json"]


def test_what_a_killed_process_left_is_written_over(tmp_path):
    place = tmp_path / "value.json"
    (tmp_path / ".value.json.partial").write_text("left over", encoding="ascii")

    write_json(place, {"a": "ü"})

    assert json.loads(place.read_text(encoding="ascii")) == {"a": "ü"}
    assert os.listdir(tmp_path) == ["value.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "value.json"):
        pass


def test_a_private_folder_is_its_owners_alone(tmp_path):
    private_folder(tmp_path / "out")

    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    private_folder(tmp_path / "out")
