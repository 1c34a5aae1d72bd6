"""The values of a corpus: what is found, and how well it was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of about a hundred words that can be found."""

    id: str
    """Unique within its corpus."""
    title: str
    """What the text is about; may be empty."""
    text: str
    source: str
    """The file it came from: what is replaced or deleted together."""

    @property
    def content(self) -> str:
        """Return what is embedded and searched: a text often leaves out what its title says."""
        return f"{self.title}. {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Found:
    """One passage found for one query."""

    passage: Passage
    score: float
    """What the order follows: of fused ranks, a cosine, or a BM25 score, as the search says."""
    similarity: float
    """Cosine of query and passage, between -1 and 1; 0 where no vector was asked."""
    lexical: float
    """BM25 score, at least 0; 0 where the words did not find it among the candidates."""
