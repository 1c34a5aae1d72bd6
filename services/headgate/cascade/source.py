"""YAML text, read strictly, with the place of each key.

file -> bytes -> text -> parser events -> Source(values, places of the keys, mistakes)

The values are built from the parser's events, not by its constructor, so that tags and aliases
are refused before they cost anything and every mistake is found in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from headgate.cascade.mistakes import KeyPath, Mistake, described, dotted, quoted
from headgate.cascade.scalars import UnusableError, find_unseen, plain_value
from headgate.errors import SpecError, SpecFileError

# A file at these limits is refused or read in less than a second; the parser is pure Python and
# slows down with the square of a line's length. A real cascade is a hundred times smaller.
MAX_BYTES = 256 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 32

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"

_DIRECTIVE = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*%")

_WORDING = (
    ("'\\t'", "a tab is used as indentation", "Indent with spaces."),
    ("'\\x09'", "a tab is used as indentation", "Indent with spaces."),
    ("expected <block end>", "the indentation does not fit the lines above", "Align the keys."),
    ("could not find expected ':'", "a key without ':'", "Write `key: value`."),
    ("mapping values are not allowed", "a ':' is not allowed here", "Quote the text or align it."),
    ("<document start>", "this does not belong to the lines above", "Align the keys."),
    ("cannot start any token", "a value cannot start with this character", "Put it in quotes."),
    ("sequence entries are not", "a '-' is not allowed here", "Start the list on its own line."),
    ("unexpected end of stream", "a quote is never closed", "Close the quote."),
    ("expected ',' or", "a ',' or the closing bracket is missing", "Close what is opened here."),
    ("<stream end>", "a '[' or '{' is never closed", "Close it."),
)
# The parser finds these later, even at the end of the file; a person looks where it started.
_AT_OPENING = ("unexpected end of stream", "expected ',' or", "could not find expected ':'")


@dataclass(frozen=True, slots=True)
class Source:
    """What a file says, and where."""

    file: str
    """As messages name it."""
    values: Value
    """Plain values; text stays text, a value that could not be read is None."""
    places: dict[KeyPath, tuple[int, int]]
    """Line and column, from 1, of each key and list item."""
    mistakes: tuple[Mistake, ...]
    """What the format refuses, such as tags and duplicate keys."""

    def errors(self, mistakes: list[Mistake]) -> SpecFileError:
        """Return all `mistakes` as one error, sorted by line and column."""
        ordered = sorted(mistakes, key=self._place)
        return SpecFileError([self._error(mistake) for mistake in ordered])

    def _place(self, mistake: Mistake) -> tuple[int, int]:
        path = mistake.path
        while path not in self.places:
            path = path[:-1]
        return mistake.at or self.places[path]

    def _error(self, mistake: Mistake) -> SpecError:
        line, column = self._place(mistake)
        parts = (f"{self.file}:{line}:{column}", dotted(mistake.path))
        return SpecError(": ".join(filter(None, parts)), mistake.problem, mistake.remedy)


class _UnreadableError(Exception):
    """Nothing after this place can be read."""

    def __init__(self, problem: str, remedy: str, at: tuple[int, int] = (1, 1)) -> None:
        super().__init__(problem)
        self.mistake = Mistake((), problem, remedy, at)


def read_source(path: Path) -> Source:
    """Return what the YAML file says, without judging its keys.

    Raises:
        SpecFileError: The file cannot be read as YAML 1.2 at all; with every mistake before
            that place.
    """
    content = _read_bytes(path)
    reader = _Reader()
    try:
        values = reader.read(_text(content))
    except _UnreadableError as error:
        source = Source(str(path), None, reader.places, ())
        raise source.errors([*reader.mistakes, error.mistake]) from None
    return Source(str(path), values, reader.places, tuple(reader.mistakes))


def _read_bytes(path: Path) -> bytes:
    """Return at most one byte more than the limit; a pipe or device is never opened."""
    try:
        if path.is_dir():
            raise _file_error(path, "it is a directory", "Name the cascade file in it.")
        if path.exists() and not path.is_file():
            raise _file_error(path, "it is not a regular file", "Name a YAML file.")
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _file_error(path, "there is no such file", "Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        problem = f"the file cannot be read ({reason})"
        raise _file_error(path, problem, "Check the path and its permissions.") from None


def _file_error(path: Path, problem: str, remedy: str) -> SpecFileError:
    return SpecFileError([SpecError(str(path), problem, remedy)])


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _UnreadableError(
            f"the file is larger than {MAX_BYTES} bytes", "Keep prompts and data in other files."
        )
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        at = _line_column(content[: error.start].decode("utf-8"))
        raise _UnreadableError("the file is not UTF-8", "Save it as UTF-8.", at) from None
    if unseen := find_unseen(text):
        at = _line_column(text[: unseen.start()])
        raise _UnreadableError(_unseen_problem(unseen[0]), "Remove it.", at)
    if directive := _DIRECTIVE.match(text):
        at = _line_column(text[: directive.end() - 1])
        raise _UnreadableError("directives are not allowed", "Remove the line of the '%'.", at)
    return text


def _line_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _at(mark: StreamMark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


class _Reader:
    """Builds the values of one document from the parser's events."""

    def __init__(self) -> None:
        self.places: dict[KeyPath, tuple[int, int]] = {(): (1, 1)}
        self.mistakes: list[Mistake] = []
        self._nodes = 0

    def read(self, text: str) -> Value:
        """Return the values of the only document in `text`."""
        self._events = _events(text)
        for event in self._events:
            match event:
                case NodeEvent():
                    return self._only(self._value(event, ()))
                case StreamEndEvent():
                    raise _UnreadableError("the file is empty", "Start it with `apiVersion:`.")
        raise AssertionError("A stream without an end. This is a bug.")

    def _only(self, value: Value) -> Value:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                at = _at(event.start_mark)
                raise _UnreadableError("a second document", "Keep one document in a file.", at)
        return value

    def _value(self, event: Event, path: KeyPath) -> Value:
        self._count(event, path)
        self._refuse_marks(event, path)
        match event:
            case MappingStartEvent():
                return self._mapping(path)
            case SequenceStartEvent():
                return self._sequence(path)
            case ScalarEvent() if event.tag is None:
                return self._scalar(event, path)
        return None

    def _count(self, event: Event, path: KeyPath) -> None:
        self._nodes += 1
        at = _at(event.start_mark)
        if self._nodes > MAX_NODES:
            problem = f"the file has more than {MAX_NODES} values"
            raise _UnreadableError(problem, "Keep data in other files.", at)
        if len(path) > MAX_DEPTH:
            problem = f"values are nested deeper than {MAX_DEPTH} levels"
            raise _UnreadableError(problem, "A cascade needs 6.", at)

    def _refuse_marks(self, event: Event, path: KeyPath) -> None:
        if isinstance(event, AliasEvent):
            self._refuse(event, path, "aliases are not allowed", "Write the value here again.")
            return
        if getattr(event, "anchor", None) is not None:
            self._refuse(event, path, "anchors are not allowed", "Remove the '&' and its name.")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, path, "tags are not allowed", "Remove the '!' and its name.")

    def _refuse(self, event: Event, path: KeyPath, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(path, problem, remedy, _at(event.start_mark)))

    def _sequence(self, path: KeyPath) -> list[Value]:
        items: list[Value] = []
        for event in self._items():
            here = (*path, len(items))
            self.places[here] = _at(event.start_mark)
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        for event in self._items():
            key = self._key(event, path)
            here = (*path, key)
            if key in mapping:
                self._refuse(event, here, f"the key {quoted(key)} is there twice", "Keep one.")
                self._value(next(self._events), here)
                continue
            self.places[here] = _at(event.start_mark)
            mapping[key] = self._value(next(self._events), here)
        return mapping

    def _items(self) -> Iterator[Event]:
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                return
            yield event

    def _key(self, event: Event, path: KeyPath) -> str:
        if not isinstance(event, ScalarEvent):
            alias = isinstance(event, AliasEvent)
            problem = "aliases are not allowed" if alias else "a key must be text"
            raise _UnreadableError(problem, "Write `key: value`.", _at(event.start_mark))
        here = (*path, event.value)
        mistakes = len(self.mistakes)
        value = self._value(event, here)
        if not isinstance(value, str) and len(self.mistakes) == mistakes:
            problem = f"a key must be text, found {described(value, path)}"
            self._refuse(event, here, problem, "Put it in quotes.")
        return str(event.value).encode(errors="replace").decode()  # JSON has no lone surrogates

    def _scalar(self, event: ScalarEvent, path: KeyPath) -> Value:
        text = str(event.value)
        if event.style == ">":  # the reader marks where it folds; such a text has no escapes
            text = text.replace("\a", "")
        try:
            if unseen := find_unseen(text):  # made by an escape
                raise UnusableError(_unseen_problem(unseen[0]), "Remove its escape.")
            return text if event.style else plain_value(text)
        except UnusableError as error:
            self._refuse(event, path, error.problem, error.remedy)
            return None


def _unseen_problem(char: str) -> str:
    return f"the character U+{ord(char):04X} cannot be seen"


def _events(text: str) -> Iterator[Event]:
    """Yield the parser's events; what it raises becomes ours."""
    at = (1, 1)
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            yield event
            at = _at(event.end_mark)
    except MarkedYAMLError as error:
        raise _broken(error) from None
    except (YAMLError, ValueError, IndexError, AttributeError, OverflowError):
        # The parser meets some malformed escapes with Python's own errors, without a place.
        raise _UnreadableError("this is not YAML", "Check what follows.", at) from None


def _broken(error: MarkedYAMLError) -> _UnreadableError:
    problem, mark = str(error.problem), error.problem_mark or error.context_mark
    for fragment, wording, remedy in _WORDING:
        if fragment in problem:
            opened = error.context_mark if fragment in _AT_OPENING else None
            return _UnreadableError(wording, remedy, _at(opened or mark))
    return _UnreadableError(f"this is not YAML ({problem})", "Check the line.", _at(mark))
