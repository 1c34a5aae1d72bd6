"""A batch job: input files in, answers out, each exactly once however often it is stopped.

cascade, input, directory -> job.json -> Run: units -> passes -> receipt
resume: the same again, from what the directory says
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from headgate.artifact import Artifact
from headgate.batch import identity as identities
from headgate.batch.certify import Promise
from headgate.batch.durable import private_folder
from headgate.batch.identity import CascadeIdentity, Identity, OutputIdentity
from headgate.batch.inputs import check_task, check_unchanged, find_inputs
from headgate.batch.lock import held
from headgate.batch.outputs.encoding import ShardFormat
from headgate.batch.progress import Report
from headgate.batch.rows import FOLDER_COLUMNS
from headgate.batch.run import Placement, Run
from headgate.batch.types import InputFile, InputSpec
from headgate.batch.work import Grain
from headgate.cascade.assemble import task_of
from headgate.cascade.fitted import KIND
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.schemas.match_task import TableTask
from headgate.domains.task import Task
from headgate.errors import InputError

TABLE_LINE_BYTES = 16 * 1024 * 1024
"""Longest row with two tables written into it; those that are named may be larger."""


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What the user says of the output."""

    per: Literal["template", "line"] = "template"
    """Whether lines of text get the answer of their template or one of their own; rows always
    get their own."""
    format: ShardFormat = "parquet"
    partition_by: str = ""
    """A column whose values become folders; none when empty."""
    certify: bool = False
    """Whether the batch is certified by itself."""


class Job:
    """One cascade over one input into one directory."""

    def __init__(self, directory: Path, identity: Identity, loaded: LoadedCascade) -> None:
        """Take what `new` or `of` found; nothing is written yet."""
        self.directory = directory.absolute()
        self.identity = identity
        self._loaded = loaded

    @classmethod
    def new(
        cls, loaded: LoadedCascade, spec: InputSpec, directory: Path, output: OutputSpec
    ) -> Job:
        """Return the job of a cascade, an input and an output.

        Args:
            loaded: The cascade; it is fitted.
            spec: Which files, and how they are read.
            directory: Where everything goes that the job writes; empty, or of this very job.
            output: What is written.

        Raises:
            InputError: The input is missing, empty or not what the cascade reads; or a batch
                cannot be certified as the cascade file has it.
            ArtifactError: The cascade is not fitted.
        """
        task = task_of(loaded)
        if isinstance(task, TableTask):
            spec = replace(spec, max_line_bytes=max(TABLE_LINE_BYTES, spec.max_line_bytes))
        if output.certify:
            _check_certified(loaded)
        cascade = _cascade_identity(loaded)
        files = find_inputs(spec)
        check_task(files, spec, task)
        grain = _grain(files, output)
        _check_folders(output.partition_by, grain, task)
        wanted = OutputIdentity(grain, output.format, output.partition_by, output.certify)
        return cls(directory, Identity(cascade, spec, tuple(files), wanted), loaded)

    @classmethod
    def of(cls, directory: Path) -> Job:
        """Return the job that was begun in a directory.

        Raises:
            InputError: There is none; or cascade, artifact, input files or the version of this
                package are no longer those it was begun with.
            SpecFileError: The cascade file is wrong now.
            ArtifactError: The artifact is not there.
        """
        begun = identities.read(directory)
        loaded = replace(load_cascade(begun.cascade.file), artifact=begun.cascade.artifact)
        check_unchanged(begun.files, begun.spec)
        now = Identity(_cascade_identity(loaded), begun.spec, begun.files, begun.output)
        identities.refuse_another(directory, begun, now)
        return cls(directory, begun, loaded)

    def run(
        self,
        placement: Placement = Placement(),  # noqa: B008 - frozen
        *,
        environment: Mapping[str, str],
        report: Report | None = None,
    ) -> None:
        """Do the job, or what an earlier run left of it.

        It ends with `receipt.json`, `receipt.txt` and `report.html` in the directory. Stopped by
        a signal, a full disk or a kill, it may be run again and goes on.

        Args:
            placement: Where the work is done, and how much may be wrong with the input.
            environment: Where keys and OPENAI_BASE_URL are looked up.
            report: Told how far it is, twice a second.

        Raises:
            InputError: The directory holds something else; or too much of the input is wrong.
            JobLockedError: Another run is at work in the directory.
            KeyboardInterrupt: It was stopped by SIGINT or SIGTERM.
            OSError: The disk is full or fails.
        """
        identities.refuse_foreign(self.directory)
        private_folder(self.directory)
        with held(self.directory, self.identity.id):
            begun = identities.begin(self.directory, self.identity)
            Run(self.directory, begun, self._loaded, environment).go(placement, report)


def _cascade_identity(loaded: LoadedCascade) -> CascadeIdentity:
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    return CascadeIdentity(
        name=loaded.name,
        file=str(loaded.path.absolute()),
        artifact=loaded.artifact,
        revision=loaded.revision,
        artifact_revision=artifact.revision,
    )


def _check_certified(loaded: LoadedCascade) -> None:
    """Refuse to certify what a batch cannot be certified for."""
    if loaded.spec.for_each is not None:
        parts = "steps" if loaded.spec.for_each.of else "columns"
        problem = f"the records of this cascade fan out to {parts}, which no sample is drawn of"
        remedy = "Leave it out: the certificate of the fit is about what is in the batch, too."
        raise InputError("certify", problem, remedy)
    Promise.of(loaded.spec.deferral.certificate, seed=0)


def _check_folders(column: str, grain: Grain, task: Task) -> None:
    """Refuse a column that the output will not have, before anything is paid for."""
    choices = FOLDER_COLUMNS[grain]
    if isinstance(task, TableTask):
        # As good as every table has pairs of its own.
        choices = tuple(name for name in choices if name != "answer")
    if column and column not in choices:
        remedy = f"Use one of {', '.join(choices)}."
        raise InputError(f"partition by {column!r}", "the output has no such folders", remedy)


def _grain(files: list[InputFile], output: OutputSpec) -> Grain:
    """Return what is answered once."""
    if any(file.format != "text" for file in files):
        return "row"
    return output.per
