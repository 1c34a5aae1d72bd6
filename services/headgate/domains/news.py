"""News: which of two labels a text deserves, and what a small model reads to say so.

Record("text", "context"?)  ->  text with context  ->  logits  ->  Prediction
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headgate.domains.task import TextPairs, softmax
from headgate.errors import InputError
from headgate.types import Prediction, Record

JUDGE_NEWS: Final = "judge_news"
TEXT, CONTEXT = "text", "context"
MOST_CHARS = 100_000
"""Of a text, and of its context; what is longer is a book and no item of news."""

_READS = f"{JUDGE_NEWS} reads {TEXT!r}, and {CONTEXT!r} where it is known."


@dataclass(frozen=True, slots=True)
class NewsTask:
    """Which of the labels does a text deserve?"""

    labels: tuple[str, ...]
    """First the harmless one, then the one that is looked for."""
    operation: str = JUDGE_NEWS
    fields: tuple[str, ...] = (TEXT,)
    optional_fields: tuple[str, ...] = (CONTEXT,)
    """Who is said to have said it, and where."""
    pairs: bool = False
    ranks: bool = False

    def options(self, record: Record) -> tuple[str, ...]:
        """Return the labels, whatever the record."""
        del record
        return self.labels

    def cell(self, value: object, place: str) -> object:
        """Return the value as it is."""
        del place
        return value

    def canonical(self, answer: str) -> str:
        """Return the answer as it is: it is one of the options."""
        return answer

    def check(self, record: Record) -> None:
        """Refuse a record that is no item of news.

        Raises:
            InputError: The text is missing or blank, a field is too long, or there is something
                else.
        """
        place = f"record {record.id!r}"
        if not record.fields.get(TEXT, "").strip():
            raise InputError(place, f"field {TEXT!r} is missing or blank", _READS)
        unknown = record.fields.keys() - {TEXT, CONTEXT}
        if unknown:
            raise InputError(place, f"field {min(unknown)!r} is not known", _READS)
        for name, value in record.fields.items():
            if len(value) > MOST_CHARS:
                problem = f"field {name!r} has {len(value)} characters"
                raise InputError(place, problem, f"Send at most {MOST_CHARS}.")
        if record.candidates:
            problem = f"it has candidates, and {JUDGE_NEWS} answers with declared labels"
            raise InputError(place, problem, "Send no candidates.")

    def texts(self, records: Sequence[Record]) -> list[str]:
        """Return what small models read of each record; see `news_text`."""
        return [news_text(record) for record in records]

    def text_pairs(self, records: Sequence[Record]) -> TextPairs:
        """Refuse, since an item of news is read alone.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{JUDGE_NEWS} has no pairs of {len(records)} records. This is a bug.")

    def query_text(self, record: Record) -> str:
        """Return the text by which similar past items are found; see `news_text`."""
        return news_text(record)

    def predictions_from_labels(
        self, records: Sequence[Record], logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from logits of shape (records, labels)."""
        rows = softmax(logits).tolist()
        return [Prediction(self.labels, tuple(row)) for _, row in zip(records, rows, strict=True)]

    def predictions_from_pairs(
        self, records: Sequence[Record], pairs: TextPairs, logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Refuse, since an item of news is read alone.

        Raises:
            ValueError: Always.
        """
        del pairs, logits
        raise ValueError(f"{JUDGE_NEWS} has no pairs of {len(records)} records. This is a bug.")


def news_text(record: Record) -> str:
    """Return the text with its context, where there is one, on the lines behind it."""
    text, context = record.fields[TEXT], record.fields.get(CONTEXT, "")
    # The text comes first: an encoder cuts off what does not fit at the end.
    return f"{text}\n{context}" if context.strip() else text
