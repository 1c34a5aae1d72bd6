"""drain3 in an environment of its own, which is thrown away.

lines (JSON, standard input)  ->  drain3_program.py  ->  cluster, template (lines,); lines a second

It is built from source and needs versions of its dependencies that nothing else should have.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

Masking = Literal["documented", "none"]

REQUIREMENTS = ("drain3==0.9.11", "jsonpickle==1.5.1", "cachetools==4.2.1")
INSTALL_TIMEOUT_S = 600
PARSE_TIMEOUT_S = 1_800

_PROGRAM = Path(__file__).with_name("drain3_program.py")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What drain3 said of some lines."""

    clusters: tuple[int, ...]
    """Shape (lines,)."""
    templates: tuple[str, ...]
    """Shape (lines,): the final text of each line's cluster."""
    lines_per_s: float
    """Of its own work, without starting and reading."""


class Drain3:
    """Installs drain3 when entered and deletes it when left."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="drain3-")
        environment = Path(self._folder.name)
        self._python = environment / "bin" / "python"
        try:
            _run(sys.executable, "-m", "venv", str(environment))
            _run(str(self._python), "-m", "pip", "install", "--quiet", *REQUIREMENTS)
        except subprocess.SubprocessError as error:
            self._folder.cleanup()
            raise SystemExit(f"drain3 cannot be installed from PyPI: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def parse(self, lines: Sequence[str], masking: Masking = "documented") -> Parsed:
        """Return what drain3 makes of lines, one after the other.

        Args:
            lines: Shape (lines,).
            masking: `documented`: masks of kinds that its documentation shows; `none`: its default.
        """
        command = [str(self._python), "-I", str(_PROGRAM), masking]
        done = subprocess.run(
            command,
            input=json.dumps(lines),
            stdout=subprocess.PIPE,
            timeout=PARSE_TIMEOUT_S,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout)
        return Parsed(**answer)


def _run(*command: str) -> None:
    # The project's own pins would refuse what drain3 asks for.
    free = {name: value for name, value in os.environ.items() if "CONSTRAINT" not in name}
    subprocess.run(command, env=free, timeout=INSTALL_TIMEOUT_S, check=True)
