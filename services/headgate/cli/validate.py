"""`headgate validate` and `headgate schema`: cascade files before anything is fitted or served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from headgate.cli.exits import USAGE, messages
from headgate.cli.options import CascadeFiles, OutputFormat
from headgate.cli.output import Output, emit, emit_json, note
from headgate.errors import SpecFileError


@dataclass(frozen=True, slots=True)
class _Checked:
    """What there is to say about one file."""

    file: str
    name: str | None = None
    revision: str | None = None
    failure: SpecFileError | None = None

    def as_json(self) -> dict[str, object]:
        """Return it with its mistakes, each with place, problem and remedy."""
        return {
            "ok": self.failure is None,
            "name": self.name,
            "revision": self.revision,
            "errors": [
                {"place": each.place, "problem": each.problem, "remedy": each.remedy}
                for each in (self.failure.errors if self.failure else ())
            ],
        }


def validate(files: CascadeFiles, *, output: OutputFormat = Output.TABLE) -> None:
    """Check cascade files and show every mistake; exit 2 when there is one.

    Prompts and recordings are looked for as well; nothing is fitted, loaded or called.
    """
    checked = [_check(file) for file in files]
    if output is Output.JSON:
        emit_json({each.file: each.as_json() for each in checked}, indent=2)
    else:
        _say(checked)
    if any(each.failure for each in checked):
        raise typer.Exit(USAGE)


def _check(file: Path) -> _Checked:
    from headgate.cascade.load import load_cascade

    try:
        loaded = load_cascade(file)
    except SpecFileError as error:
        return _Checked(str(file), failure=error)
    return _Checked(str(file), loaded.name, loaded.revision)


def _say(checked: list[_Checked]) -> None:
    for each in checked:
        if each.failure is None:
            emit(f"ok {each.name} revision {each.revision} {each.file}")
            continue
        for message in messages(each.failure):
            note(message)


def schema() -> None:
    """Show the JSON Schema of the cascade file, for editors and other checks."""
    from headgate.cascade.reference import json_schema

    emit_json(json_schema(), indent=2)
