"""Tables with a target dictionary and known matches, as a user would keep them in files.

DATA/schema/gdc: input-tables, ground-truth, target.csv, target_schema.json.gz, rerank_replay
  ->  SchemaSet(target, studies)  ->  tables, target.json, rows and recordings in a folder

Whatever tables lie there with a ground truth are taken; none is known by its name.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from headgate.domains.schemas.columns import Table
from headgate.domains.schemas.match_record import TableRecord, column_id
from headgate.domains.schemas.tables import read_table
from headgate.evaluation.matching import Truth

FOLDER = Path("schema", "gdc")
TABLES, TRUTH = "input-tables", "ground-truth"
TARGET = "target.csv"
DICTIONARY = "target_schema.json.gz"
ANSWERS = "rerank_replay.jsonl.gz"
WORDINGS = "augmentation_replay.jsonl.gz"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """One source table, with what its columns mean and what a large model said of them."""

    name: str
    path: Path
    source: Table
    truth: Truth
    """The target's columns by the source's, as ids; columns without any are absent."""
    answers: Mapping[str, Sequence[tuple[str, float]]]
    """The large model's scores by source column; columns that it was not asked about are absent."""


@dataclass(frozen=True)
class SchemaSet:
    """Tables to be matched with one target."""

    folder: Path
    target: Table
    target_json: str
    """The dictionary: names, descriptions and values."""
    studies: tuple[Study, ...]

    @property
    def target_path(self) -> Path:
        """Return the target as a table without descriptions, which peers read."""
        return self.folder / TARGET

    @cached_property
    def wordings(self) -> Path | None:
        """Return the file of other names and values of the target's columns, if there is one."""
        path = self.folder / WORDINGS
        return path if path.is_file() else None

    def record(self, study: Study) -> TableRecord:
        """Return what the engine is asked about a table."""
        return TableRecord(study.name, {}, source=study.source, target=self.target)

    def without(self, study: Study) -> list[Study]:
        """Return the tables that may be learned from when this one is reported."""
        return [each for each in self.studies if each is not study]


def missing(data: Path) -> str:
    """Return what is not there that cannot be done without; empty when it is there."""
    folder = data / FOLDER
    if not (folder / TARGET).is_file():
        return f"{folder}: no {TARGET}. Name the data folder."
    if not _names(folder):
        return f"{folder}: no table in {TABLES} that has a file in {TRUTH}. Name the data folder."
    return ""


def load(data: Path, say: Say) -> SchemaSet:
    """Return the tables of the data folder, and tell what of them is missing or left out."""
    folder = data / FOLDER
    text = _dictionary(folder, say)
    target = read_table(text.encode(), "target", place=TARGET)
    answers = _answers(folder, say)
    studies = [_study(folder, name, target, answers.get(name, {}), say) for name in _names(folder)]
    return SchemaSet(folder, target, text, tuple(studies))


def write_inputs(tables: SchemaSet, folder: Path) -> None:
    """Write what a cascade's rows and models name: tables, target and recordings."""
    (folder / "tables").mkdir()
    (folder / "target.json").write_text(tables.target_json, encoding="utf-8")
    for study in tables.studies:
        shutil.copyfile(study.path, folder / _table_file(study))
    write_lines(
        folder / "recordings.jsonl", [row for each in tables.studies for row in recordings(each)]
    )


def labelled_row(study: Study) -> dict[str, Any]:
    """Return a table with its matches, as `headgate fit` reads it from the folder."""
    return {
        "id": study.name,
        "source": _table_file(study),
        "target": "target.json",
        "matches": {own: sorted(targets) for own, targets in study.truth.items()},
    }


def recordings(study: Study) -> list[dict[str, str]]:
    """Return the large model's answers, by the ids that the engine gives column records."""
    return [
        {
            "id": column_id(study.name, own),
            "answer": json.dumps(
                {"matches": [{"id": target, "score": score} for target, score in scores]}
            ),
        }
        for own, scores in study.answers.items()
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of JSON Lines."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _names(folder: Path) -> list[str]:
    """Return the tables that have a ground truth."""
    tables = {path.stem for path in (folder / TABLES).glob("*.csv")}
    return sorted(tables & {path.stem for path in (folder / TRUTH).glob("*.csv")})


def _table_file(study: Study) -> str:
    return f"tables/{study.path.name}"


def _study(
    folder: Path, name: str, target: Table, answers: Mapping[str, list[Any]], say: Say
) -> Study:
    path = folder / TABLES / f"{name}.csv"
    source = read_table(path.read_bytes(), name, place=str(path))
    own, known = _ids(source), _ids(target)
    pairs = _pairs(folder / TRUTH / f"{name}.csv")
    kept = [(own[a], known[b]) for a, b in pairs if a in own and b in known]
    if len(kept) < len(pairs):
        say(f"{name}: {len(pairs) - len(kept)} true pairs name no column and are left out")
    truth: dict[str, set[str]] = {}
    for column, match in kept:
        truth.setdefault(column, set()).add(match)
    scored = {own[column]: scores for column, scores in answers.items() if column in own}
    say(
        f"{name}: {len(source.columns)} columns, {len(truth)} with a match, {len(kept)} true"
        f" pairs; recorded answers for {len(scored)} columns"
    )
    return Study(
        name,
        path,
        source,
        {column: frozenset(matches) for column, matches in truth.items()},
        {column: _known(scores, known) for column, scores in scored.items()},
    )


def _ids(table: Table) -> dict[str, str]:
    """Return the id of each column by its name without blanks; the first one of a name."""
    found: dict[str, str] = {}
    for own, column in zip(table.ids, table.columns, strict=True):
        found.setdefault(column.name.strip(), own)
    return found


def _known(scores: Iterable[Any], known: Mapping[str, str]) -> list[tuple[str, float]]:
    stripped = ((str(target).strip(), float(score)) for target, score in scores)
    return [(known[target], score) for target, score in stripped if target in known]


def _pairs(path: Path) -> list[tuple[str, str]]:
    """Return the true pairs of a file, each once, without blanks around the names."""
    rows = _cells(path)[1:]
    pairs = [(row[0].strip(), row[1].strip()) for row in rows if len(row) > 1]
    return list(dict.fromkeys(pair for pair in pairs if all(pair)))


def _dictionary(folder: Path, say: Say) -> str:
    """Return the target as JSON: the values of the table, then those that only its schema has."""
    described = _schema(folder, say)
    names, *rows = _cells(folder / TARGET)
    columns = []
    for place, name in enumerate(names):
        entry = described.get(name.strip(), {})
        cells = [row[place].strip() for row in rows if place < len(row)]
        values = dict.fromkeys([*filter(None, cells), *entry.get("value_data", {})])
        description = entry.get("column_description", "")
        columns.append({"name": name, "description": description, "values": list(values)})
    return json.dumps(columns)


def _schema(folder: Path, say: Say) -> dict[str, Any]:
    path = folder / DICTIONARY
    if not path.is_file():
        say(f"{path}: not there, so the target has no descriptions")
        return {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {name.strip(): entry for name, entry in json.load(file).items()}


def _answers(folder: Path, say: Say) -> dict[str, dict[str, list[Any]]]:
    """Return the recorded scores by table and column."""
    path = folder / ANSWERS
    if not path.is_file():
        say(f"{path}: not there, so no large model can be asked")
        return {}
    found: dict[str, dict[str, list[Any]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            found.setdefault(row["table"], {})[row["column"].strip()] = row["matches"]
    return found


def _cells(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))
