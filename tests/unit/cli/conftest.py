import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from fakes.batch_jobs import write_logs
from fakes.fitted_parts import fit_parts
from headgate.cli.main import run


@dataclass
class Ended:
    """What a command line left."""

    code: int
    out: str
    err: str

    @property
    def data(self):
        """Standard output, read as JSON."""
        return json.loads(self.out)

    @property
    def lines(self):
        """Standard output, read as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def headgate(capsys):
    """Runs a command line in this process."""

    def command(*arguments):
        code = run([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return command


@pytest.fixture
def process():
    """Runs a command line in a process of its own."""

    def command(*arguments, **options):
        line = [sys.executable, "-m", "headgate.cli.main", *map(str, arguments)]
        ended = subprocess.run(  # noqa: S603 - our own program
            line, capture_output=True, text=True, check=False, **options
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return command


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """A fitted cascade of level: n-grams, a gate, recorded answers."""
    return fit_parts(tmp_path_factory.mktemp("fitted"))


@pytest.fixture
def rows(tmp_path):
    """Writes rows into a file and returns its path."""

    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def labelled():
    """Makes rows of these numbers: "net" of eth0 where it is even, "disk" of sda where odd."""
    parts = (("net", "eth0 link down"), ("disk", "sda write failed"))

    def make(*numbers):
        pairs = [(number, *parts[number % 2]) for number in numbers]
        return [
            {"id": f"row-{number}", "log": f"{line} {number}", "label": label}
            for number, label, line in pairs
        ]

    return make


@pytest.fixture
def batch(headgate):
    """Runs a verb of `headgate batch`; whatever happens, it is said in lines of our own."""

    def command(*arguments):
        ended = headgate("batch", *arguments)
        assert "Traceback" not in ended.err
        return ended

    return command


@pytest.fixture
def job(batch, parts, tmp_path):
    """Runs the cascade "parts" over the directory "in" into "out", or as the options say."""

    def command(*options, place=tmp_path / "in", output=tmp_path / "out", cascade=parts):
        return batch("run", cascade.path, "--input", place, "--output", output, *options)

    return command


@pytest.fixture
def logs(tmp_path):
    """The directory "in" with two files of lines."""
    return write_logs(tmp_path / "in", files=2, lines=20)
