"""Recorded answers instead of a model: for tests, demos and offline evaluation.

JSONL rows {"id", "answer", "input_tokens"?, "output_tokens"?, "log_prob"?}
    ->  RawAnswer by record id
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from headgate.errors import InputError, ReplayMissError
from headgate.lm.log_probs import is_log_prob
from headgate.lm.seam import Question, RawAnswer
from headgate.lm.strict_json import JsonFaultError, decode_all
from headgate.types import Deadline


class ReplayEngine:
    """Answers from a file, and never makes one up."""

    recorded = True

    def __init__(self, answers: Mapping[str, RawAnswer], name: str = "replay") -> None:
        self.name = name
        self._answers = dict(answers)
        counted = [raw.output_tokens or len(raw.text) for raw in self._answers.values()]
        self.max_output_tokens = max(counted, default=0)

    @classmethod
    def load(cls, path: Path, name: str = "replay") -> ReplayEngine:
        """Read a JSON Lines file, gzipped when its name ends in `.gz`.

        `name` is the recorded model's, for ledgers and messages.

        Each row has `id` and `answer` (JSON or free text, as a model wrote it) and may have
        `input_tokens`, `output_tokens` and `log_prob`, the mean of the tokens of what is weighed;
        other keys and empty lines are skipped.

        Raises:
            InputError: The file cannot be read, or a row is wrong; with `file:line`.
        """
        answers: dict[str, RawAnswer] = {}
        for number, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            record_id, answer = _row(line, place)
            if record_id in answers:
                raise InputError(place, f"the id {record_id!r} is there twice", "Keep one row.")
            answers[record_id] = answer
        return cls(answers, name)

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the recorded answer; time and earlier faults make no difference.

        A question about several records is answered with what was recorded for each, joined; the
        tokens add up, and the log-probability is the mean.

        Raises:
            ReplayMissError: Nothing was recorded for one of the records, which it names.
            LmAnswerError: One of several recorded answers is invalid.
        """
        del deadline, fault  # of the seam, but a recording knows neither
        found = [self._recorded(record_id) for record_id in question.record_ids]
        if len(found) == 1:
            return found[0]
        return RawAnswer(
            text=question.join([raw.text for raw in found]),
            input_tokens=_total([raw.input_tokens for raw in found]),
            output_tokens=_total([raw.output_tokens for raw in found]),
            log_prob=_mean([raw.log_prob for raw in found]),
        )

    def _recorded(self, record_id: str) -> RawAnswer:
        if record_id not in self._answers:
            raise ReplayMissError(
                f"record {record_id!r}",
                "no answer was recorded for it",
                "Add a row with this id to the recording.",
            )
        return self._answers[record_id]

    async def close(self) -> None:
        """Do nothing: the file was read and closed by `load`."""


def _total(counts: Sequence[int | None]) -> int | None:
    """Return the sum; None when one was not counted, so that the whole is estimated."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _mean(log_probs: Sequence[float | None]) -> float | None:
    """Return the mean; None when one of them is not known."""
    known = [log_prob for log_prob in log_probs if log_prob is not None]
    return fmean(known) if len(known) == len(log_probs) else None


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            yield from file
    except UnicodeDecodeError:
        raise InputError(str(path), "the file is not UTF-8", "Save it as UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        problem = f"the file cannot be read ({type(error).__name__})"
        raise InputError(str(path), problem, "Check the path, the rights and the file.") from error


def _row(line: str, place: str) -> tuple[str, RawAnswer]:
    try:
        row = decode_all(line)
    except JsonFaultError as error:
        raise InputError(place, f"not usable JSON ({error.fault})", "Write one object.") from None
    if not isinstance(row, dict):
        raise InputError(place, "the row is not a JSON object", "Write {...}.")
    answer = RawAnswer(
        text=_text(row, "answer", place),
        input_tokens=_tokens(row, "input_tokens", place),
        output_tokens=_tokens(row, "output_tokens", place),
        log_prob=_log_prob(row, place),
    )
    return _text(row, "id", place), answer


def _text(row: Mapping[str, object], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(place, f"{key!r} is missing or no text", f"Give {key!r} some text.")
    return value


def _tokens(row: Mapping[str, object], key: str, place: str) -> int | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(place, f"{key!r} is no count", "Write a whole number, 0 or more.")
    return value


def _log_prob(row: Mapping[str, object], place: str) -> float | None:
    value = row.get("log_prob")
    if value is None:
        return None
    if not is_log_prob(value):
        problem = "'log_prob' is no log-probability"
        raise InputError(place, problem, "Write a number, 0 or less, or leave it out.")
    return float(value)
