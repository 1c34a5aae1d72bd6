import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.fitted_parts import write_parts

HEAVY = ("torch", "ray", "openvino", "numpy", "sklearn", "grpc", "openai", "sentence_transformers")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["nope"], "No such command 'nope'. Try: headgate --help", id="verb"),
        pytest.param(["--nope"], "No such option: --nope. Try: headgate --help", id="option"),
        pytest.param(["fit"], "Missing argument 'FILE'. Try: headgate fit --help", id="argument"),
        pytest.param(
            ["fit", "f.yaml"], "Missing option '--labels'. Try: headgate fit --help", id="required"
        ),
    ],
)
def test_a_wrong_command_line_is_one_line(headgate, arguments, message):
    ended = headgate(*arguments)

    assert (ended.code, ended.out, ended.err) == (2, "", f"headgate: {message}\n")


def test_an_unknown_output_format_is_refused_with_those_there_are(headgate):
    ended = headgate("version", "--output", "xml")

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert "table" in ended.err


def test_without_a_verb_the_help_is_shown(headgate):
    ended = headgate()

    assert (ended.code, ended.err) == (2, "")
    assert "validate" in ended.out


def test_help_of_a_verb_names_its_options(headgate):
    ended = headgate("evaluate", "--help")

    assert ended.code == 0
    assert "--large-alone" in ended.out
    assert "costs" in ended.out


def test_an_error_is_one_line_and_debug_shows_where(headgate, tmp_path):
    wrong = ("fit", tmp_path / "none.yaml", "--labels", "x.jsonl")
    line = f"headgate: {tmp_path}/none.yaml: there is no such file. Check the path.\n"

    quiet, debug = headgate(*wrong), headgate("--debug", *wrong)

    assert (quiet.code, quiet.out, quiet.err) == (2, "", line)
    assert debug.code == 2
    assert "Traceback" in debug.err
    assert debug.err.endswith(line)


@pytest.mark.slow
def test_light_verbs_load_no_heavy_library(tmp_path):
    loaded = write_parts(tmp_path)
    program = (
        "import sys\n"
        "import headgate.cli.app\n"
        "from headgate.cli.main import run\n"
        f"codes = [run(['version']), run(['validate', {str(loaded.path)!r}]), run(['schema'])]\n"
        f"print(codes, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )

    ended = subprocess.run(  # noqa: S603 - written above
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ended.stderr == "[0, 0, 0] []\n"


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_process_in_silence():
    """`headgate schema | head -1`, with a `head` that is gone before the first byte."""
    reader, writer = os.pipe()
    os.close(reader)

    ended = subprocess.run(
        [sys.executable, "-m", "headgate.cli.main", "schema"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
def test_a_full_disk_is_an_input_output_error():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "headgate.cli.main", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert ended.returncode == 74
    assert ended.stderr == "headgate: input or output: No space left on device.\n"
