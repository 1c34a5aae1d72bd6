import platform

import headgate as package


def test_versions_are_shown_by_name(headgate):
    ended = headgate("version")

    shown = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert (ended.code, ended.err) == (0, "")
    assert (shown["headgate"], shown["python"]) == (package.__version__, platform.python_version())
    assert {"ray", "openvino", "torch", "grpcio"} <= set(shown)


def test_versions_are_there_for_programs(headgate):
    found = headgate("version", "--output", "json").data

    assert found["headgate"] == package.__version__
    assert all(isinstance(each, str) and each for each in found.values())


def test_the_version_alone_is_one_line(headgate):
    ended = headgate("--version")

    assert (ended.code, ended.out, ended.err) == (0, f"headgate {package.__version__}\n", "")
