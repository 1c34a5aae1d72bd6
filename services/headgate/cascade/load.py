"""A cascade file, checked as a whole, with everything it needs from its folder.

cascade.yaml -> Source -> types, rules, files -> LoadedCascade -> JSON for the cluster, and back

A cluster never reads the folder of the file: `inline` makes one JSON value of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from headgate.cascade.files import missing_files, perspective_key, read_prompts
from headgate.cascade.lm_spec import ReplaySpec, TransformersSpec
from headgate.cascade.mistakes import Mistake, dotted
from headgate.cascade.model_spec import EncoderSpec, SplitterSpec
from headgate.cascade.rules import broken_rules, is_hub_id, secret_literals
from headgate.cascade.source import read_source
from headgate.cascade.spec import AdviseSpec, CascadeFile, CascadeSpec, CorpusSpec, UnitStage
from headgate.cascade.strict import Model
from headgate.cascade.wording import check_types, value_at
from headgate.errors import SpecError, SpecFileError


@dataclass(frozen=True, slots=True)
class LoadedCascade:
    """A cascade that passed every check, with its prompts and where its files are."""

    document: CascadeFile
    """The whole file."""
    path: Path
    """The file, as it was named."""
    base_dir: Path
    """The file's folder, absolute."""
    prompts: Mapping[str, str]
    """Prompt text by the name of the stage that asks a large model."""
    artifact: str
    """The fitted directory: an absolute path or an fsspec URL."""
    recordings: Mapping[str, str]
    """Absolute path of the recorded answers by the name of the replay model."""
    sources: Mapping[str, str]
    """By the name of the model with weights: `embedded`, an absolute directory or a hub id."""
    augmentations: Mapping[str, str]
    """Absolute path of the augmentation by the name of the encoder that it tunes."""
    decompositions: Mapping[str, str]
    """Absolute path of the decomposed questions by the name of the splitter."""
    corpora: Mapping[str, str]
    """Absolute directory of each index of passages, as the file names it."""

    @property
    def spec(self) -> CascadeSpec:
        """Return the cascade itself."""
        return self.document.spec

    @property
    def name(self) -> str:
        """Return the name callers use."""
        return self.document.metadata.name

    @property
    def revision(self) -> str:
        """Return 12 hex digits that change with the spec or a prompt, and with nothing else."""
        content = {"spec": self.spec.model_dump(mode="json"), "prompts": dict(self.prompts)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


class _Inlined(Model):
    """What `inline` adds to the document."""

    path: str
    base_dir: str
    prompts: Mapping[str, str]
    artifact: str
    recordings: Mapping[str, str]
    sources: Mapping[str, str]
    augmentations: Mapping[str, str]
    decompositions: Mapping[str, str]
    corpora: Mapping[str, str]


def load_cascade(path: str | Path) -> LoadedCascade:
    """Return the cascade of a file, with its prompts.

    Raises:
        SpecFileError: Something is wrong with the file or with a file it names; every mistake
            that was found, in the order of the lines.
    """
    path = Path(path)
    source = read_source(path)
    folder = path.absolute().parent
    prompts, mistakes = read_prompts(source.values, folder)
    mistakes.extend(missing_files(source.values, folder))
    document = _checked(source.values, source.mistakes, mistakes)
    if isinstance(document, list):
        raise source.errors(document)
    return LoadedCascade(
        document=document,
        path=path,
        base_dir=folder,
        prompts=prompts,
        artifact=_location(document.spec.artifact, folder),
        recordings=_recordings(document.spec, folder),
        sources=_sources(document.spec, folder),
        augmentations=_augmentations(document.spec, folder),
        decompositions=_decompositions(document.spec, folder),
        corpora=_corpora(document.spec, folder),
    )


def inline(loaded: LoadedCascade) -> dict[str, Any]:
    """Return the cascade as one JSON value that needs no file beside it.

    Prompts are included; artifact, recordings and encoder directories are absolute locations.
    """
    return {
        # Only what the file says: an explicit key is judged differently from a default.
        "document": loaded.document.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "path": str(loaded.path),
        "base_dir": str(loaded.base_dir),
        "prompts": dict(loaded.prompts),
        "artifact": loaded.artifact,
        "recordings": dict(loaded.recordings),
        "sources": dict(loaded.sources),
        "augmentations": dict(loaded.augmentations),
        "decompositions": dict(loaded.decompositions),
        "corpora": dict(loaded.corpora),
    }


def from_inline(values: Mapping[str, Any]) -> LoadedCascade:
    """Return the cascade that `inline` made a JSON value of, checked again.

    Raises:
        SpecFileError: It is not such a value, or its cascade is wrong.
    """
    rest = {key: value for key, value in values.items() if key != "document"}
    try:
        inlined = _Inlined.model_validate_json(json.dumps(rest))
        document = _checked(values.get("document"), (), ())
    except (ValidationError, TypeError, ValueError):
        raise _inline_error("a cascade", [_NOT_INLINED]) from None
    if isinstance(document, list):
        raise _inline_error(inlined.path, document)
    if not _is_complete(inlined, document.spec):
        raise _inline_error(inlined.path, [_NOT_INLINED])
    paths = {"path": Path(inlined.path), "base_dir": Path(inlined.base_dir)}
    return LoadedCascade(document=document, **{**dict(inlined), **paths})


_NOT_INLINED = Mistake((), "this is not what `inline` makes", "Make it of the cascade file again.")


def _inline_error(file: str, mistakes: Iterable[Mistake]) -> SpecFileError:
    places = [(": ".join(filter(None, (file, dotted(each.path)))), each) for each in mistakes]
    return SpecFileError([SpecError(place, each.problem, each.remedy) for place, each in places])


def _is_complete(inlined: _Inlined, spec: CascadeSpec) -> bool:
    folder = Path(inlined.base_dir)
    return (
        set(inlined.prompts)
        == {key for stage in (*spec.unit_flow, *spec.step_flow) for key in _prompt_keys(stage)}
        and set(inlined.recordings) == set(_recordings(spec, folder))
        and set(inlined.sources) == set(_sources(spec, folder))
        and set(inlined.augmentations) == set(_augmentations(spec, folder))
        and set(inlined.decompositions) == set(_decompositions(spec, folder))
        and set(inlined.corpora) == set(_corpora(spec, folder))
    )


def _prompt_keys(stage: UnitStage) -> list[str]:
    """Return by what the prompts of a stage are found."""
    if isinstance(stage, AdviseSpec):
        return [perspective_key(stage.name, each) for each in stage.perspectives]
    return [stage.name] if getattr(stage, "prompt", None) is not None else []


def _checked(
    values: object, read: Iterable[Mistake], files: Iterable[Mistake]
) -> CascadeFile | list[Mistake]:
    """Return the document, or every mistake when there is any.

    What was said of a scalar by an earlier check is not followed by what a later one says of it.
    """
    document = check_types(values)
    types = document if isinstance(document, list) else []
    mistakes: list[Mistake] = []
    for layer in (read, types, broken_rules(values), files, secret_literals(values)):
        paths = {mistake.path for mistake in mistakes}
        said = {path for path in paths if not isinstance(value_at(values, path), dict | list)}
        mistakes.extend([mistake for mistake in layer if mistake.path not in said])
    return mistakes or document


def _location(name: str, folder: Path) -> str:
    return name if "://" in name else str(folder / name)


def _recordings(spec: CascadeSpec, folder: Path) -> dict[str, str]:
    models = spec.models.items()
    return {
        name: str(folder / model.recordings)
        for name, model in models
        if isinstance(model, ReplaySpec)
    }


def _sources(spec: CascadeSpec, folder: Path) -> dict[str, str]:
    named = {
        name: model.source
        for name, model in spec.models.items()
        if isinstance(model, EncoderSpec | SplitterSpec | TransformersSpec)
    }
    return {
        name: source if source == "embedded" or is_hub_id(source) else str(folder / source)
        for name, source in named.items()
    }


def _augmentations(spec: CascadeSpec, folder: Path) -> dict[str, str]:
    return {
        name: str(folder / model.tuning.augmentation)
        for name, model in spec.models.items()
        if isinstance(model, EncoderSpec) and model.tuning is not None
    }


def _decompositions(spec: CascadeSpec, folder: Path) -> dict[str, str]:
    return {
        name: str(folder / model.decompositions)
        for name, model in spec.models.items()
        if isinstance(model, SplitterSpec)
    }


def _corpora(spec: CascadeSpec, folder: Path) -> dict[str, str]:
    stages = (*spec.unit_flow, *spec.step_flow)
    return {
        each.corpus: str(folder / each.corpus) for each in stages if isinstance(each, CorpusSpec)
    }
