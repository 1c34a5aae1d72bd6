"""Which job a directory holds, written down before anything else is.

cascade, input, output -> Identity <-> DIRECTORY/job.json; another one is refused, part by part
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headgate import __version__
from headgate.batch import lock
from headgate.batch.durable import write_json
from headgate.batch.outputs.encoding import ShardFormat
from headgate.batch.types import InputFile, InputSpec
from headgate.batch.work import Grain
from headgate.errors import InputError

FILE = "job.json"
_FORMAT = 1
_ANOTHER = "Choose another directory."


@dataclass(frozen=True, slots=True)
class CascadeIdentity:
    """What answers."""

    name: str
    file: str
    """Absolute path of the cascade file."""
    artifact: str
    """Where its fitted directory is."""
    revision: str
    """Of the file with its prompts."""
    artifact_revision: str


@dataclass(frozen=True, slots=True)
class OutputIdentity:
    """What is written."""

    grain: Grain
    format: ShardFormat
    partition_by: str
    certify: bool
    """Whether the batch is certified by itself."""


@dataclass(frozen=True, slots=True)
class Identity:
    """All that decides what a job writes."""

    cascade: CascadeIdentity
    spec: InputSpec
    files: tuple[InputFile, ...]
    output: OutputIdentity
    headgate: str = __version__
    """The version that began it: templates are found by its rules."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    """Names this job."""
    seed: int = 0
    """Of its random sample; drawn when it is begun."""
    begun: str = ""
    """ISO 8601, UTC."""

    def differences(self, other: Identity) -> Iterator[str]:
        """Yield what another job has that this one has not, in words."""
        yield from _different("cascade", asdict(self.cascade), asdict(other.cascade))
        yield from _different("input", asdict(self.spec), asdict(other.spec))
        yield from _different_files(self.files, other.files)
        yield from _different("output", asdict(self.output), asdict(other.output))
        if self.headgate != other.headgate:
            yield f"it was begun by headgate {self.headgate}, and this is {other.headgate}"


def begin(directory: Path, wanted: Identity) -> Identity:
    """Return the job of a directory, which is begun if the directory is empty.

    Raises:
        InputError: It holds something else, or another job; says which part differs.
        OSError: It cannot be read or written.
    """
    if (directory / FILE).exists():
        found = read(directory)
        refuse_another(directory, found, wanted)
        return found
    refuse_foreign(directory)
    return _begun(directory, wanted)


def refuse_foreign(directory: Path) -> None:
    """Do nothing if a directory is a job's, empty or not there: nothing else is written to.

    Raises:
        InputError: It holds something else.
    """
    if not directory.is_dir() or (directory / FILE).exists():
        return
    left_over = (lock.FILE, f".{FILE}.partial")
    others = sorted(path.name for path in directory.iterdir() if path.name not in left_over)
    if others:
        problem = f"it holds {others[0]!r} and is no directory of a batch job"
        raise InputError(str(directory), problem, _ANOTHER)


def refuse_another(directory: Path, found: Identity, wanted: Identity) -> None:
    """Do nothing if two identities are of the same job.

    Raises:
        InputError: They are not; names the first part that differs.
    """
    for difference in found.differences(wanted):
        raise InputError(str(directory), f"it holds another job: {difference}", _ANOTHER)


def read(directory: Path) -> Identity:
    """Return the job of a directory.

    Raises:
        InputError: There is none, or what says so is damaged.
        OSError: It cannot be read.
    """
    path = directory / FILE
    if not path.is_file():
        raise InputError(str(directory), "there is no batch job in it", "Name its --output.")
    try:
        return _identity(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError) as error:
        problem = f"it does not say which job this is ({type(error).__name__})"
        raise InputError(str(path), problem, _ANOTHER) from error


def _begun(directory: Path, wanted: Identity) -> Identity:
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    values = {**asdict(wanted), "seed": secrets.randbits(63), "begun": moment}
    write_json(directory / FILE, {"job": _FORMAT, **values})
    return read(directory)


def _identity(values: Mapping[str, Any]) -> Identity:
    if values["job"] != _FORMAT:
        raise ValueError("a format of another version")
    return Identity(
        cascade=CascadeIdentity(**values["cascade"]),
        spec=InputSpec(**{**values["spec"], "patterns": tuple(values["spec"]["patterns"])}),
        files=tuple(InputFile(**file) for file in values["files"]),
        output=OutputIdentity(**values["output"]),
        headgate=values["headgate"],
        id=values["id"],
        seed=values["seed"],
        begun=values["begun"],
    )


def _different(part: str, mine: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for name, value in mine.items():
        if value != other[name]:
            yield f"its {part} has {name} {value!r}, and not {other[name]!r}"


def _different_files(mine: Sequence[InputFile], other: Sequence[InputFile]) -> Iterator[str]:
    mine_by_place = {file.place: file for file in mine}
    other_by_place = {file.place: file for file in other}
    for place in sorted(mine_by_place.keys() ^ other_by_place.keys()):
        had = "has" if place in mine_by_place else "has not"
        yield f"its input {had} the file {place!r}"
    for place, file in mine_by_place.items():
        if place in other_by_place and other_by_place[place] != file:
            yield f"its input file {place!r} has changed since"
