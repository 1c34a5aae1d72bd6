"""Which files a batch reads, and whether they are still what they were.

patterns -> names (files) -> sniffed -> InputFile (files), by place
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headgate.batch.inputs.options import check_spec
from headgate.batch.inputs.sniff import fingerprint_of, read_head, sniff
from headgate.batch.inputs.storage import About, Store, store_of, unreadable
from headgate.batch.types import InputFile, InputSpec
from headgate.errors import InputError


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of one pattern."""

    place: str
    path: str
    pattern: int
    store: Store


def find_inputs(spec: InputSpec, *, mixed: bool = False) -> list[InputFile]:
    """Return the files of all patterns, by place; a file with several names once.

    Directories are gone through with all below them. What begins with a dot is passed over,
    and so is what is no file; links are followed, in loops too.

    Args:
        spec: What the user says of the input.
        mixed: Whether text may be beside rows.

    Raises:
        InputError: The spec is wrong; a pattern matches nothing; a file cannot be read, is no
            text, or is not of the format of the others; or there is nothing in any of them.
    """
    check_spec(spec)
    files = [_described(found, spec) for found in _without_repeats(_found(spec))]
    _refuse_nothing(files)
    if not mixed:
        _refuse_mixture(files)
    return files


def check_unchanged(files: Iterable[InputFile], spec: InputSpec) -> None:
    """Refuse to go on with files that were written to since they were found.

    Raises:
        InputError: A file has another size, time, tag or beginning; or cannot be read.
    """
    for file in files:
        store, _ = store_of(spec.patterns[file.pattern])
        about = _about(store, file.path, file.place)
        if fingerprint_of(about, read_head(store, file.path, file.place)) != file.fingerprint:
            raise InputError(
                file.place,
                "it has changed since the batch began",
                "Start a new batch with an output directory of its own.",
            )


def _found(spec: InputSpec) -> list[_Found]:
    found: list[_Found] = []
    for number, pattern in enumerate(spec.patterns):
        store, within = store_of(pattern)
        paths = store.paths(within)
        if not paths:
            problem = "there is no such file, or no file in it"
            remedy = "Check the path; hidden files are passed over."
            raise InputError(store.place(within), problem, remedy)
        found += [_Found(store.place(path), path, number, store) for path in paths]
    return found


def _without_repeats(found: list[_Found]) -> list[_Found]:
    """Return them by place, each file under the first of its names."""
    first: dict[str, _Found] = {}
    for each in sorted(found, key=lambda each: (each.place, each.pattern)):
        first.setdefault(each.store.key(each.path), each)
    return list(first.values())


def _described(found: _Found, spec: InputSpec) -> InputFile:
    about = _about(found.store, found.path, found.place)
    head = read_head(found.store, found.path, found.place)
    file_format, compression = sniff(found.place, head, spec)
    return InputFile(
        found.place,
        found.path,
        found.pattern,
        about.size_bytes,
        file_format,
        compression,
        fingerprint_of(about, head),
        about.modified_s,
    )


def _about(store: Store, path: str, place: str) -> About:
    try:
        return store.about(path)
    except InputError:
        raise
    except Exception as error:  # a driver may raise anything: this is the border
        raise unreadable(place, error) from error


def _refuse_nothing(files: Sequence[InputFile]) -> None:
    if any(file.size_bytes for file in files):
        return
    others = len(files) - 1
    problem = "there is nothing in it"
    if others:
        problem += f", nor in {others} other file{'s' if others > 1 else ''}"
    raise InputError(files[0].place, problem, "Check what writes it.")


def _refuse_mixture(files: Sequence[InputFile]) -> None:
    """Lines of text and rows with fields take different ways through a batch."""
    full = [file for file in files if file.size_bytes]
    text = next((file for file in full if file.format == "text"), None)
    rows = next((file for file in full if file.format != "text"), None)
    if text is not None and rows is not None:
        raise InputError(
            rows.place,
            f"it has rows ({rows.format}), but {text.place} is text",
            "Name one kind with a pattern, or say the format of all.",
        )
