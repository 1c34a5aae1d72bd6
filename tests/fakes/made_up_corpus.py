"""A small corpus of our own, and an encoder that knows only which words a text has."""

import errno
import json
import zlib

import numpy as np

from headgate.batch.corpus import EncoderChoice, Limits, add, build
from headgate.batch.corpus.reading import MAX_LINE_BYTES
from headgate.batch.types import InputSpec
from headgate.retrieval.corpus import CorpusIndex
from headgate.retrieval.corpus.terms import terms_of

RIVERS = (
    ("nile", "Nile", "It flows north and ends in the Mediterranean Sea."),
    ("amazon", "Amazon", "It rises in Peru and carries more water than any other river."),
    ("elbe", "Elbe", "It rises in the Giant Mountains and ends in the North Sea."),
    ("oder", "Oder", "It rises in Moravia and ends in the Baltic Sea."),
)


class WordEncoder:
    """A text's vector is the sum of fixed ones of its words, of length 1."""

    def __init__(self, dim=32, fingerprint="words:exact:256"):
        self.dim, self.fingerprint = dim, fingerprint
        self.encoded = []
        """All texts it was asked about."""
        self.calls_left = None
        """After so many it fails as a full disk does; None for never."""

    def encode(self, texts):
        if self.calls_left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.calls_left:
            self.calls_left -= 1
        self.encoded += texts
        vectors = [sum(map(self._of, terms_of(text)), self._of("")) for text in texts]
        matrix = np.array(vectors, np.float32).reshape(len(texts), self.dim)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)

    def _of(self, word):
        return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dim)


class Library:
    """A directory of files and the index of them."""

    def __init__(self, directory, encoder=None, **limits):
        self.files, self.place = directory / "files", directory / "index"
        self.files.mkdir(exist_ok=True)
        self.encoder = encoder or WordEncoder()
        self.limits = Limits(**limits)

    def write(self, name, *rows):
        """Write rows (id, title, text), or the one text, as a file."""
        path = self.files / name
        if name.endswith(".jsonl"):
            names = ("id", "title", "text")
            lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
            path.write_text("".join(f"{line}\n" for line in lines))
        else:
            path.write_text(rows[0])
        return path

    def spec(self, *patterns):
        return InputSpec(tuple(map(str, patterns or [self.files])), max_line_bytes=MAX_LINE_BYTES)

    def build(self, *patterns, report=None):
        return build(
            self.place,
            self.spec(*patterns),
            EncoderChoice(),
            limits=self.limits,
            report=report,
            load=lambda choice: self.encoder,
        )

    def add(self, *patterns):
        return add(
            self.place,
            self.spec(*patterns),
            limits=self.limits,
            load=lambda choice: self.encoder,
        )

    def open(self, **options):
        return CorpusIndex.open(self.place, **options)

    def found(self, text, top_k=3):
        """Return the ids that a fresh reader finds for a query, best first."""
        hits = self.open().search([text], self.encoder.encode([text]), top_k)[0]
        return [each.passage.id for each in hits]

    def ids(self):
        """Return all ids that can be found, in the order of their numbers."""
        index = self.open()
        return [each.id for each in index.rows.passages(index.live)]
