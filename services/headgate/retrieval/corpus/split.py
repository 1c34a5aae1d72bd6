"""Long texts cut into passages of about a hundred words, at the ends of sentences.

lines -> paragraphs and headings -> sentences -> Piece (title, text), overlapping a little
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

PASSAGE_WORDS: Final = 100
"""What encoders for retrieval are trained on, and what 256 tokens hold with some to spare."""
LONGEST_WORDS: Final = 400
"""A passage that the user made is left whole up to here."""
OVERLAP_WORDS: Final = 25
"""A last sentence up to this long is said again in the next passage, which may build on it."""

_CHARS_A_WORD: Final = 8
_PARAGRAPH_WORDS: Final = 1_000
_HEADING: Final = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*")
_SENTENCE_END: Final = re.compile(
    r"(?:(?<=[.!?\u2026])|(?<=[.!?\u2026][\"')\]\u2019\u201d]))\s+"
    r"(?=[\"'(\[\u2018\u201c]*[^\Wa-z_])"
    r"|(?<=[\u3002\uff01\uff1f])"
)
_BLANK: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One passage of a longer text."""

    title: str
    text: str


def words_in(text: str) -> int:
    """Return about how many words a text has; scripts without spaces count by characters."""
    return max(len(text.split()), -(-len(text) // _CHARS_A_WORD))


def split_lines(lines: Iterable[str], title: str) -> Iterator[Piece]:
    """Yield the passages of a text, holding no more of it than a paragraph.

    A paragraph ends at a blank line. A heading as in Markdown becomes the title of what is below
    it, and no passage goes across one.

    Args:
        lines: Without their line ends.
        title: Of what is above the first heading.
    """
    packer = _Packer(title)
    for block in _blocks(lines):
        heading = _HEADING.fullmatch(block)
        if heading:
            yield from packer.close()
            packer = _Packer(heading.group(1))
        else:
            yield from packer.add(_sentences(block))
    yield from packer.close()


def split_text(text: str) -> list[str]:
    """Return a text as it is, or in passages when it is longer than `LONGEST_WORDS`."""
    if words_in(text) <= LONGEST_WORDS:
        return [text]
    packer = _Packer("")
    return [piece.text for piece in (*packer.add(_sentences(text)), *packer.close())]


@dataclass(slots=True)
class _Packer:
    """Gathers sentences until a passage is full."""

    title: str
    sentences: list[str] = field(default_factory=list)
    words: int = 0
    fresh: bool = False
    """Whether there is more than what the passage before ended with."""

    def add(self, sentences: Iterable[str]) -> Iterator[Piece]:
        for sentence in sentences:
            words = words_in(sentence)
            if self.fresh and self.words + words > PASSAGE_WORDS:
                yield from self.close(words)
            self.sentences.append(sentence)
            self.words, self.fresh = self.words + words, True

    def close(self, coming_words: int = 0) -> Iterator[Piece]:
        """Yield the passage that was gathered, if there is one, and begin the next."""
        if self.fresh:
            yield Piece(self.title, " ".join(self.sentences))
        last = self.sentences[-1:]
        words = sum(map(words_in, last))
        if words > OVERLAP_WORDS or words + coming_words > PASSAGE_WORDS:
            last, words = [], 0
        self.sentences, self.words, self.fresh = last, words, False


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """Yield headings and paragraphs, each on one line."""
    paragraph: list[str] = []
    words = 0
    for line in lines:
        text = _BLANK.sub(" ", line).strip()
        ends = not text or _HEADING.fullmatch(text)
        if paragraph and (ends or words >= _PARAGRAPH_WORDS):
            yield " ".join(paragraph)
            paragraph, words = [], 0
        if ends:
            if text:
                yield text
            continue
        paragraph.append(text)
        words += words_in(text)
    if paragraph:
        yield " ".join(paragraph)


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, none longer than a passage."""
    # A text that ends with a full stop of its script has an empty rest behind it.
    for sentence in filter(None, _SENTENCE_END.split(_BLANK.sub(" ", text).strip())):
        if words_in(sentence) <= PASSAGE_WORDS:
            yield sentence
        else:
            yield from _cut(sentence.split())


def _cut(words: Sequence[str]) -> Iterator[str]:
    """Yield what has no end of a sentence in parts of the length of a passage."""
    longest = PASSAGE_WORDS * _CHARS_A_WORD
    short = [word[at : at + longest] for word in words for at in range(0, len(word), longest)]
    part: list[str] = []
    count = 0
    for word in short:
        size = words_in(word)
        if part and count + size > PASSAGE_WORDS:
            yield " ".join(part)
            part, count = [], 0
        part.append(word)
        count += size
    if part:
        yield " ".join(part)
