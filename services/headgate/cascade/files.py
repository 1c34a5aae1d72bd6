"""The files that a cascade file names: found, read and confined.

plain values, folder of the file -> prompts by stage, and a Mistake for each file that is wrong
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from headgate.cascade.mistakes import KeyPath, Mistake, quoted
from headgate.cascade.plain import Stage, all_stages_of, mapping_at, text_at

MAX_PROMPT_BYTES = 64 * 1024
ASKING = ("verify", "rerank", "read", "decompose", "synthesise", "advise")
"""Kinds of stages that ask a language model."""


class _PromptError(Exception):
    """The prompt cannot be used."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy


def read_prompts(values: object, folder: Path) -> tuple[dict[str, str], list[Mistake]]:
    """Return the prompt of each stage that asks a large model, and what is wrong with others."""
    prompts: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for stage in all_stages_of(values):
        for key, name, path in _named_prompts(stage):
            try:
                prompts[key] = _read_prompt(name, folder)
            except _PromptError as error:
                mistakes.append(Mistake(path, error.problem, error.remedy))
    return prompts, mistakes


def perspective_key(stage: str, perspective: str) -> str:
    """Return by what the prompt of a perspective is found; no stage can have such a name."""
    return f"{stage}/{perspective}"


def _named_prompts(stage: Stage) -> Iterator[tuple[str, str, KeyPath]]:
    """Yield by what each prompt of a stage is found, its file, and where that is said."""
    if stage.kind == "advise":
        perspectives = mapping_at(stage.keys, "perspectives")
        named = {
            perspective_key(stage.name, each): ((*stage.path("perspectives"), each), file)
            for each, file in perspectives.items()
        }
    else:
        named = {stage.name: (stage.path("prompt"), stage.text("prompt"))}
    for key, (path, file) in named.items():
        if stage.kind in ASKING and isinstance(file, str) and file.strip():
            yield key, file, path


def missing_files(values: object, folder: Path) -> Iterator[Mistake]:
    """Yield a mistake for each file that a model names and that is not there."""
    models = mapping_at(mapping_at(values, "spec"), "models")
    for name in models:
        place: KeyPath = ("spec", "models", name)
        model = mapping_at(models, name)
        yield from _missing(model, (*place, "recordings"), folder)
        yield from _missing(model, (*place, "decompositions"), folder)
        yield from _missing(mapping_at(model, "tuning"), (*place, "tuning", "augmentation"), folder)


def _missing(keys: Mapping[str, object], path: KeyPath, folder: Path) -> Iterator[Mistake]:
    name = text_at(keys, str(path[-1]))
    if name.strip() and not _is_file(folder / name):
        remedy = "Record answers first." if path[-1] == "recordings" else "Check the path."
        yield Mistake(path, f"there is no file {quoted(name)}", remedy)


def _read_prompt(name: str, folder: Path) -> str:
    content = _prompt_bytes(name, folder)
    if len(content) > MAX_PROMPT_BYTES:
        raise _PromptError(f"the prompt is larger than {MAX_PROMPT_BYTES} bytes", "Shorten it.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _PromptError("the prompt is not UTF-8", "Save it as UTF-8.") from None
    if not text.strip():
        raise _PromptError("the prompt is empty", "Write the prompt into the file.")
    return text


def _prompt_bytes(name: str, folder: Path) -> bytes:
    try:
        # Resolved, so that neither `..` nor a link leads out of the folder.
        path = (folder / name).resolve()
        if Path(name).is_absolute() or not path.is_relative_to(folder.resolve()):
            remedy = "Keep prompts in the folder of the cascade file, and name them from there."
            raise _PromptError("a prompt must be below the folder of the file", remedy)
        if not path.is_file():
            raise _PromptError(f"there is no file {quoted(name)}", "Check the path.")
        with path.open("rb") as stream:
            return stream.read(MAX_PROMPT_BYTES + 1)
    except (OSError, RuntimeError):
        raise _PromptError(
            "the prompt cannot be read", "Check the path and its permissions."
        ) from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
