"""The encoders of a cascade as a fit needs them: quantised, and tuned first where the file says so.

source -> (tune to the targets of the rows) -> (int8 files) -> the artifact's folder -> KnownVectors
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.artifact import ArtifactWriter
from headgate.cascade.encoders import encoder_folder, encoder_specs, load_encoder
from headgate.cascade.load import LoadedCascade
from headgate.cascade.model_spec import EncoderSpec
from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.augment import read_wordings
from headgate.domains.schemas.columns import Table
from headgate.domains.schemas.match_record import ColumnRecord
from headgate.errors import InputError
from headgate.fitting.contrastive import Tuning, tune_encoder
from headgate.fitting.vectors import KnownVectors, Report
from headgate.models.quantize import int8_directory
from headgate.models.source import EncoderSource, resolve_source


@dataclass(frozen=True, slots=True)
class FittedEncoders:
    """Encoders that are loaded, and figures of those that were tuned."""

    encoders: Mapping[str, KnownVectors]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EncoderFit:
    """What encoders are fitted with."""

    loaded: LoadedCascade
    writer: ArtifactWriter
    report: Report
    seed: int

    def run(self, rows: Sequence[LabelledRecord]) -> FittedEncoders:
        """Load each encoder; what serving needs of it is written into the artifact.

        Args:
            rows: Their target tables are what encoders are tuned to; their answers are not read.

        Raises:
            InputError: A table is too small to tune to, or an augmentation is wrong.
            ModelError: An encoder cannot be loaded.
        """
        encoders: dict[str, KnownVectors] = {}
        metrics: dict[str, float] = {}
        for name, spec in encoder_specs(self.loaded).items():
            self.report(f"load encoder {name}", 0, 1)
            with tempfile.TemporaryDirectory() as scratch:
                source = resolve_source(self.loaded.sources[name], spec.revision)
                if spec.tuning is not None:
                    source, found = self._tuned(name, source, rows, Path(scratch) / "tuned")
                    metrics.update(found)
                encoders[name] = self._load(name, spec, source)
            self.report(f"load encoder {name}", 1, 1)
        return FittedEncoders(encoders, metrics)

    def _tuned(
        self, name: str, source: EncoderSource, rows: Sequence[LabelledRecord], directory: Path
    ) -> tuple[EncoderSource, dict[str, float]]:
        target = _targets(rows)
        file = self.loaded.augmentations[name]
        wordings = read_wordings(_content(file), target, file)
        tuning = Tuning(wordings, self.seed)
        tuned = tune_encoder(source, target, directory, tuning=tuning, report=self.report)
        return tuned.source, {f"tuning_{key}": value for key, value in tuned.metrics.items()}

    def _load(self, name: str, spec: EncoderSpec, source: EncoderSource) -> KnownVectors:
        """Return the encoder from the files that serving will read."""
        folder = encoder_folder(name)
        if spec.precision == "int8":
            shutil.copytree(int8_directory(source), self.writer.folder(folder))
            encoder = load_encoder(spec, self.loaded.sources[name], self.writer.folder(folder))
        elif spec.tuning is not None:
            shutil.copytree(source.directory, self.writer.folder(folder))
            encoder = load_encoder(spec, str(self.writer.folder(folder)), None)
        else:
            encoder = load_encoder(spec, self.loaded.sources[name], None)
        return KnownVectors(encoder, self.report)


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({type(error).__name__})"
        raise InputError(file, problem, "Check the path and its permissions.") from error


def _targets(rows: Iterable[LabelledRecord]) -> Table:
    """Return the columns of all target tables as one."""
    records = [row.record for row in rows if isinstance(row.record, ColumnRecord)]
    targets = {record.target.content_hash: record.target for record in records}
    columns = dict.fromkeys(column for each in targets.values() for column in each.columns)
    return Table("target", tuple(columns))
