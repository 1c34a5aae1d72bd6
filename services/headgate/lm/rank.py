"""The question how well each of some candidates fits an item, for one item or several in a prompt.

RankRequest(items, each with its candidates)  ->  prompt, schema
    ->  answer text  ->  Scores an item: candidate id -> 0..1, best first
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.prompt import Block, Message, build_messages, visible, visible_line
from headgate.lm.schema import Options, read_object, strict_format, strict_object
from headgate.lm.seam import hash_content
from headgate.types import Candidate

MAX_ITEM_FIELD_CHARS = 4_000
"""Longest text of one field of an item, counted after escaping."""
MAX_CANDIDATE_CHARS = 1_000
"""Longest text of one candidate, counted after escaping."""
MAX_ID_CHARS = 64
"""Longest id that a model is made to repeat; it gets a short name for a longer one."""
LEAST_SCORE = 0.05
"""What scores below may be left out of an answer, which keeps it short."""

_ONLY_KEY = "matches"
_EXPECTED_ITEM_CHARS = 100  # a little above the mean of recorded answers, with about two entries

Scores = Mapping[str, float]
"""Candidate id to score, 0 (does not fit) to 1 (fits), best first, ties in candidate order.

A candidate that the model left out is not in it; when none fits it is empty."""


@dataclass(frozen=True, slots=True)
class RankItem:
    """One thing that candidates are ranked for."""

    record_id: str
    """Only for recorded answers and messages; a model never sees it."""
    fields: Mapping[str, str]
    """The item's text by field name. Untrusted."""
    candidates: tuple[Candidate, ...]
    """At least one. Untrusted."""

    def shown_ids(self) -> dict[str, str]:
        """Return the candidates' ids by the names a model is shown, in order.

        An id is its own name unless it is blank, long, or holds what cannot be seen.
        """
        taken = {candidate.id for candidate in self.candidates}
        shown: dict[str, str] = {}
        for place, candidate in enumerate(self.candidates, start=1):
            name = candidate.id if _is_plain(candidate.id) else _free(f"candidate {place}", taken)
            shown[name] = candidate.id
        return shown

    def blocks(self) -> Iterator[Block]:
        """Yield what a model is shown of the item; each candidate stays on one line."""
        for name, text in self.fields.items():
            yield f"field {visible_line(name)}", visible(text, MAX_ITEM_FIELD_CHARS)
        texts = {candidate.id: candidate.text for candidate in self.candidates}
        lines = [
            f"{_quoted(name)}: {visible_line(texts[own], MAX_CANDIDATE_CHARS)}"
            for name, own in self.shown_ids().items()
        ]
        yield "candidates", "\n".join(lines)

    def shown_chars(self) -> int:
        """Return about how long the item's part of a prompt is, in characters."""
        return sum(len(title) + len(text) for title, text in self.blocks())


@dataclass(frozen=True, slots=True)
class RankRequest:
    """Items whose candidates a large model is to score; a `Question[tuple[Scores, ...]]`."""

    instruction: str
    """The operator's words. Trusted, unlike the items."""
    items: tuple[RankItem, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if not self.items or not all(item.candidates for item in self.items):
            raise ValueError("a ranking needs items, and each item candidates. This is a bug.")

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Return the items' ids, in order."""
        return tuple(item.record_id for item in self.items)

    @property
    def expected_answer_chars(self) -> int:
        """Return about what the few candidates that fit each item take."""
        return _EXPECTED_ITEM_CHARS * len(self.items)

    @property
    def weighed(self) -> str:
        """Return nothing: no log-probability is wanted."""
        return ""

    @property
    def temperature(self) -> float:
        """Return 0: the likeliest answer."""
        return 0.0

    def content_hash(self, model: str) -> str:
        """Return the SHA-256, in hex, of all that decides the answer of `model`; no record ids."""
        ranked = [
            (dict(item.fields), [(candidate.id, candidate.text) for candidate in item.candidates])
            for item in self.items
        ]
        return hash_content({"model": model, "instruction": self.instruction, "ranked": ranked})

    def messages(self, fault: str = "") -> list[Message]:
        """Return the prompt; see `build_messages`."""
        return build_messages([self.instruction, self._format()], self._blocks(), fault)

    def response_format(self) -> dict[str, object]:
        """Return the schema, in which an item's list holds none but its own candidates."""
        lists = zip(self._keys(), map(_entries_schema, self.items), strict=True)
        return strict_format("ranking", dict(lists))

    def parse(self, text: str) -> tuple[Scores, ...]:
        """Return the scores of each item, in order.

        An entry that names no candidate, or whose score is no number, is left out; of a candidate
        that is there twice the better score counts. A number outside 0 to 1 means another scale,
        on which no entry can be trusted, and a list without one usable entry is not the same as an
        empty one: both make the answer invalid.

        Raises:
            LmAnswerError: No JSON object with a list for each item, or a list is invalid; the
                problem names the `AnswerFault`.
        """
        answer = read_object(text)
        if answer is None:
            raise invalid_answer(AnswerFault.NOT_JSON)
        pairs = zip(self._keys(), self.items, strict=True)
        return tuple(_read_scores(answer.get(key), item) for key, item in pairs)

    def join(self, answers: Sequence[str]) -> str:
        """Return the answer to all items, made of one answer to each alone.

        Raises:
            LmAnswerError: One of them is invalid.
        """
        if len(answers) == 1:
            return answers[0]
        alone = [replace(self, items=(item,)) for item in self.items]
        ranked = [one.parse(text)[0] for one, text in zip(alone, answers, strict=True)]
        lists = [[{"id": own, "score": score} for own, score in each.items()] for each in ranked]
        return json.dumps(dict(zip(self._keys(), lists, strict=True)))

    def _keys(self) -> tuple[str, ...]:
        """Return what the items' lists are called in the answer; ids of records are not shown."""
        if len(self.items) == 1:
            return (_ONLY_KEY,)
        return tuple(f"c{place}" for place in range(1, len(self.items) + 1))

    def _format(self) -> str:
        keys = self._keys()
        entries = '[{"id": "a candidate\'s name", "score": 0.0}]'
        several = (
            f", ...}}, with a list for each `item` from {keys[0]} to {keys[-1]}. An item's own "
            "fields and candidates follow it. "
        )
        return (
            f'Answer with one JSON object and nothing else: {{"{keys[0]}": {entries}'
            + (several if len(keys) > 1 else "}. ")
            + "List the candidates that fit, best first, by the names in quotes. The score says "
            "how well one fits, from 0 (not at all) to 1 (certainly), on one scale for every item "
            f"you are ever asked about. Leave out what scores below {LEAST_SCORE}; an empty list "
            "says that none fits."
        )

    def _blocks(self) -> Iterator[Block]:
        for key, item in zip(self._keys(), self.items, strict=True):
            if len(self.items) > 1:
                yield "item", key
            yield from item.blocks()


def _is_plain(own: str) -> bool:
    return 0 < len(own) <= MAX_ID_CHARS and own == own.strip() == visible_line(own)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "+"
    return name


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _entries_schema(item: RankItem) -> dict[str, object]:
    entry = {
        "id": {"type": "string", "enum": list(item.shown_ids())},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
    }
    return {"type": "array", "items": strict_object(entry)}


def _read_scores(entries: object, item: RankItem) -> Scores:
    if not isinstance(entries, list):
        raise invalid_answer(AnswerFault.ITEM_MISSING)
    # A model that was shown a short name may still know the id from the candidate's text.
    ids = {candidate.id: candidate.id for candidate in item.candidates} | item.shown_ids()
    names = Options(ids)
    best: dict[str, float] = {}
    for entry in entries:
        name, score = _read_entry(entry, names)
        if name is not None:
            best[ids[name]] = max(score, best.get(ids[name], 0.0))
    if entries and not best:
        raise invalid_answer(AnswerFault.ENTRIES_UNUSABLE)
    ranked = [each.id for each in item.candidates if each.id in best]
    ranked.sort(key=best.__getitem__, reverse=True)  # stable: ties stay in candidate order
    return {own: best[own] for own in ranked}


def _read_entry(entry: object, names: Options) -> tuple[str | None, float]:
    """Return the candidate's name and its score; None when the entry says neither."""
    fields = entry if isinstance(entry, dict) else {}
    name, score = fields.get("id"), fields.get("score")
    meant = names.meant(name) if isinstance(name, str) else None
    # True is an int in Python, but no score.
    if meant is None or isinstance(score, bool) or not isinstance(score, int | float):
        return None, 0.0
    if not 0 <= score <= 1:
        raise invalid_answer(AnswerFault.SCORE_OFF_SCALE)
    return meant, float(score)
