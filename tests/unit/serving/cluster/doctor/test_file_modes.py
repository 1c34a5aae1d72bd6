import pytest

from headgate.serving.cluster.doctor.file_modes import (
    artifact_modes,
    secret_file_mode,
    state_modes,
)


@pytest.fixture
def state(tmp_path):
    """A state directory with one cascade, as the watcher makes it."""
    root = tmp_path / "state"
    folder = root / "logs"
    folder.mkdir(parents=True)
    root.chmod(0o755)
    folder.chmod(0o700)
    for name, mode in (("audit_key", 0o600), ("decisions.sqlite", 0o600), ("watch-1.json", 0o644)):
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    return root


def mends(findings):
    return [each.mend for each in findings]


def test_what_the_watcher_makes_is_fine(state, levels):
    assert levels(state_modes(state)) == ["ok"]


def test_an_absent_directory_is_fine(tmp_path, levels):
    assert levels(state_modes(tmp_path / "absent")) == ["ok"]


def test_a_directory_open_to_others_is_closed_and_so_is_what_is_open_in_it(state, levels):
    (state / "logs").chmod(0o755)

    found = state_modes(state)

    assert levels(found) == ["error", "error"]
    assert mends(found) == [
        f"chmod 700 {state}/logs",
        f"chmod 600 {state}/logs/watch-1.json",
    ]


def test_the_secret_of_audits_is_never_open(state):
    (state / "logs" / "audit_key").chmod(0o640)

    (found,) = state_modes(state)

    assert found.mend == f"chmod 600 {state}/logs/audit_key"
    assert "0640" in found.what


def test_a_directory_that_everybody_writes_to_is_an_error(state):
    state.chmod(0o777)

    assert mends(state_modes(state)) == [f"chmod 700 {state}"]


def test_an_artifact_that_everybody_can_change_is_an_error(tmp_path):
    folder = tmp_path / "my artifact"
    (folder / "cases").mkdir(parents=True)
    (folder / "cases" / "index").write_text("")
    (folder / "cases" / "index").chmod(0o666)

    (found,) = artifact_modes(folder)

    assert found.what == f"everybody can change 1 of the files and folders of {folder}"
    assert found.mend == f"chmod -R o-w '{folder}'"


def test_an_artifact_of_its_owner_is_fine_and_a_remote_one_is_not_looked_at(tmp_path, levels):
    (tmp_path / "manifest.json").write_text("{}")

    assert levels(artifact_modes(tmp_path)) == ["ok"]
    assert artifact_modes(tmp_path / "s3:" / "bucket") == []


def test_a_link_to_nowhere_is_passed_over(tmp_path, levels):
    (tmp_path / "gone").symlink_to(tmp_path / "absent")

    assert levels(artifact_modes(tmp_path)) == ["ok"]


def test_the_file_of_a_key_is_its_owner_s(tmp_path):
    file = tmp_path / "key"
    file.write_text("k")
    file.chmod(0o644)

    assert mends(secret_file_mode(file)) == [f"chmod 600 {file}"]
    assert secret_file_mode(tmp_path / "absent") == []
