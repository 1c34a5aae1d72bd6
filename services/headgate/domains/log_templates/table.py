"""The templates of a set of logs: found by the shape of a line, merged, saved and loaded.

shapes, counts (shapes,)  ->  Templates (templates,): id, text, lines  ->  which one a shape is of
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from headgate.domains.log_templates.finder import Finder
from headgate.domains.log_templates.mining import coarsest, patterns_of
from headgate.domains.log_templates.tokens import Tokens, text_of, tokens_of, tokens_of_text
from headgate.errors import InputError

MOST_TEMPLATES = 20_000
"""Beyond them, the templates with the fewest lines are put together by their count of tokens."""
NO_TEMPLATE = -1

_FORMAT = 1
_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Template:
    """What lines of one kind have in common."""

    id: str
    """12 hexadecimal digits of the SHA-256 of `text`: it changes with the text, and only then."""
    text: str
    """With `<*>` for each value."""
    lines: int
    """How many lines it was mined from."""

    @classmethod
    def of(cls, text: str, lines: int) -> Template:
        """Return the template with this text."""
        return cls(hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS], text, lines)


class Templates(Sequence[Template]):
    """A set of templates, those of the most lines first."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self._templates = sorted(templates, key=lambda each: (-each.lines, each.text))
        self._finder = Finder([tokens_of_text(each.text) for each in self._templates])

    @overload
    def __getitem__(self, place: int) -> Template: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Template]: ...
    def __getitem__(self, place: int | slice) -> Template | Sequence[Template]:
        """Return one template, or some."""
        return self._templates[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._templates)

    def template_of(self, shape: bytes) -> int | None:
        """Return the place of a shape's template; None when it is a case of none.

        Shapes that were mined, here or before a merge, always have one.
        """
        return self._finder.find(tokens_of(shape))

    def assign(self, shapes: Iterable[bytes]) -> NDArray[np.int32]:
        """Return the place of each shape's template, shape (shapes,); `NO_TEMPLATE` for none."""
        found = map(self.template_of, shapes)
        return np.array([NO_TEMPLATE if each is None else each for each in found], np.int32)

    def merge(self, other: Templates) -> tuple[Templates, dict[str, str]]:
        """Return the templates of both sets of logs, and the new id of each that changed.

        Templates are mined as if they were lines, so some may turn out to be cases of one wider
        template; what was known of these under their old ids is to be asked again.

        Returns:
            The merged templates; the same whichever of the two is asked.
            Old id to new id, for the templates of both that are not there any more.
        """
        lines: Counter[Tokens] = Counter()
        for each in (*self, *other):
            lines[tokens_of_text(each.text)] += each.lines
        merged = _mined(lines)
        renamed = {each.id: merged._now(each) for each in (*self, *other)}
        return merged, {old: new for old, new in renamed.items() if old != new}

    def save(self, path: Path) -> None:
        """Write the templates as JSON; equal ones give equal bytes.

        Raises:
            OSError: The file cannot be written.
        """
        rows = [{"id": each.id, "text": each.text, "lines": each.lines} for each in self]
        content = {"format": _FORMAT, "templates": rows}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")

    @classmethod
    def load(cls, path: Path) -> Templates:
        """Return the templates of a file.

        Raises:
            InputError: It cannot be read, or is not as `save` wrote it.
        """
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != _FORMAT:
                raise ValueError("another format")
            templates = _checked(content["templates"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            problem = f"not a file of templates ({type(error).__name__})"
            raise InputError(str(path), problem, "Mine the templates again.") from error
        return cls(templates)

    def _now(self, old: Template) -> str:
        """Return the id of the template that a template from before the merge is a case of."""
        place = self._finder.find(tokens_of_text(old.text))
        if place is None:
            raise RuntimeError("A merge lost a template. This is a bug.")
        return self[place].id


def mine(shapes: Sequence[bytes], counts: Sequence[int]) -> Templates:
    """Return the templates of lines with these shapes.

    Args:
        shapes: As `shape_block` returns them, in any order; a repeated one counts as often.
        counts: Shape (shapes,): lines of each, 1 or more.

    Returns:
        The same for the same lines, however they were split up and ordered.
    """
    lines: Counter[Tokens] = Counter()
    for shape, count in zip(shapes, counts, strict=True):
        lines[tokens_of(shape)] += count
    return _mined(lines)


def _mined(lines: Mapping[Tokens, int]) -> Templates:
    patterns = patterns_of(lines)
    used = _counted(patterns, lines)
    while len(used) < len(patterns):
        # A pattern all of whose lines have narrower ones says nothing; without it, the others may
        # be grouped in another way.
        patterns = patterns_of(used)
        used = _counted(patterns, lines)
    if len(used) > MOST_TEMPLATES:
        used = _counted(_fewer(used), lines)
    return Templates(Template.of(text_of(pattern), count) for pattern, count in used.items())


def _counted(patterns: Sequence[Tokens], lines: Mapping[Tokens, int]) -> dict[Tokens, int]:
    """Return the lines of each pattern that is the narrowest one of some."""
    finder = Finder(patterns)
    counts: Counter[Tokens] = Counter()
    for line, count in lines.items():
        place = finder.find(line)
        if place is None:
            raise RuntimeError("Mining lost a line. This is a bug.")
        counts[patterns[place]] += count
    return dict(counts)


def _fewer(counts: Mapping[Tokens, int]) -> list[Tokens]:
    """Return the patterns of most lines, and for all others one a count of tokens."""
    ranked = sorted(counts, key=lambda pattern: (-counts[pattern], pattern))
    return [*ranked[:MOST_TEMPLATES], *coarsest(ranked[MOST_TEMPLATES:])]


def _checked(rows: Iterable[Mapping[str, object]]) -> list[Template]:
    """Return the templates of a file's rows.

    Raises:
        ValueError: They are not as they were written.
    """
    templates = []
    for row in rows:
        text, lines = row["text"], row["lines"]
        if not isinstance(text, str) or type(lines) is not int or lines < 0:
            raise ValueError("a row of another kind")
        templates.append(Template.of(text, lines))
        if templates[-1].id != row["id"]:
            raise ValueError("an id of another text")
    if len({each.id for each in templates}) < len(templates):
        raise ValueError("a template that is there twice")
    return templates
