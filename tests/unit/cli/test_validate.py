import pytest
from jsonschema import Draft202012Validator

from fakes.fitted_parts import write_parts


@pytest.fixture
def broken(tmp_path):
    """A file with a wrong name, an unknown key and no `spec`."""
    path = tmp_path / "broken.yaml"
    path.write_text("apiVersion: headgate/v1\nkind: Cascade\nmetadata: {name: 'A B'}\nspek: 1\n")
    return path


def test_a_good_file_is_one_line(headgate, tmp_path):
    loaded = write_parts(tmp_path)

    ended = headgate("validate", loaded.path)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"ok parts revision {loaded.revision} {loaded.path}\n"


def test_every_mistake_has_its_place_on_stderr(headgate, broken):
    ended = headgate("validate", broken)

    assert (ended.code, ended.out) == (2, "")
    assert f"{broken}:3:12: metadata.name: " in ended.err
    assert f"{broken}:4:1: spek: " in ended.err


def test_good_files_are_said_beside_wrong_ones(headgate, broken, tmp_path):
    loaded = write_parts(tmp_path)

    ended = headgate("validate", broken, loaded.path)

    assert ended.code == 2
    assert ended.out.startswith("ok parts ")
    assert str(broken) in ended.err


def test_json_has_every_file_with_its_mistakes(headgate, broken, tmp_path):
    loaded = write_parts(tmp_path)

    ended = headgate("validate", loaded.path, broken, "--output", "json")

    good, wrong = ended.data[str(loaded.path)], ended.data[str(broken)]
    assert (ended.code, ended.err) == (2, "")
    assert good == {"ok": True, "name": "parts", "revision": loaded.revision, "errors": []}
    assert (wrong["ok"], wrong["name"], wrong["revision"]) == (False, None, None)
    assert {"place", "problem", "remedy"} == set(wrong["errors"][0])
    assert f"{broken}:3:12: metadata.name" in [each["place"] for each in wrong["errors"]]


def test_a_missing_file_is_said(headgate, tmp_path):
    ended = headgate("validate", tmp_path / "none.yaml")

    assert ended.code == 2
    assert ended.err == f"{tmp_path}/none.yaml: there is no such file. Check the path.\n"


def test_names_with_control_characters_reach_no_terminal(headgate, tmp_path):
    ended = headgate("validate", f"{tmp_path}/\x1b[31mred.yaml")

    assert ended.code == 2
    assert "\x1b" not in ended.err


def test_the_schema_is_a_json_schema(headgate):
    ended = headgate("schema")

    assert (ended.code, ended.err) == (0, "")
    Draft202012Validator.check_schema(ended.data)
    assert ended.data["title"] == "CascadeFile"
