"""How the answers of two jobs on the same input differ: which rows, by template, and where.

two directories -> rows side by side (windows in memory) -> counts and examples -> DiffReport

Examples name places in the input and hold nothing of its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headgate.batch import identity
from headgate.batch.outputs.columns import coded
from headgate.batch.outputs.diff_report import Change, DiffReport, Side, Spot, TemplateChange
from headgate.batch.outputs.reading import Head, file_of, keys_of, rows_in_order
from headgate.batch.outputs.receipt_files import RECEIPT_JSON
from headgate.batch.outputs.texts import template_texts
from headgate.batch.work import PARTS
from headgate.errors import InputError

MOST_EXAMPLES = 3
"""Of one template."""
MOST_CHANGES = 1000
"""Different pairs of answers that are told apart."""
_COMPARED = ("answer", "tier", "template_id")


def diff(before: Path, after: Path) -> DiffReport:
    """Return how the second job's answers differ from the first one's.

    Args:
        before: Directory of a finished job.
        after: Directory of another finished job on the same input.

    Raises:
        InputError: One is no finished job, is damaged, or had another input.
        OSError: A file cannot be read.
    """
    jobs = [_finished(directory) for directory in (before, after)]
    _refuse_other_input(after, *jobs)
    places = [file.place for file in jobs[0].files]
    found = Differences(places)
    streams = [Head(rows_in_order(directory / PARTS, places)) for directory in (before, after)]
    for window in side_by_side(*streams):
        found.add(*window)
    sides = _side(before, jobs[0]), _side(after, jobs[1])
    return found.report(sides, template_texts(before))


def side_by_side(before: Head, after: Head) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the rows of two streams in order, in windows of the same keys."""
    while before.there or after.there:
        bound = min(head.last for head in (before, after) if head.there)
        yield before.take(bound), after.take(bound)


class Differences:
    """Counts differences, window by window, in memory that grows with templates only."""

    def __init__(self, places: Sequence[str]) -> None:
        """Start with none; `places` are the input files by the number in a key."""
        self._places = places
        self._totals: Counter[str] = Counter()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._tiers: Counter[tuple[str, str]] = Counter()
        self._templates: dict[str, Counter[str]] = {}
        self._examples: dict[tuple[str, bool], list[Spot]] = {}

    def add(self, before: pa.Table, after: pa.Table) -> None:
        """Count the rows of one window; tables of `KEYED`."""
        here, there = _common(keys_of(before), keys_of(after))
        self._totals["before"] += before.num_rows - len(here)
        self._totals["after"] += after.num_rows - len(there)
        self._totals["rows"] += len(here)
        if len(here):
            self._compare(before.take(here), after.take(there))

    def report(self, sides: tuple[Side, Side], texts: Mapping[str, str]) -> DiffReport:
        """Return what was found; `texts` are those of the first job's templates by their ids."""
        listed = _most_first(self._answers)
        return DiffReport(
            before=sides[0],
            after=sides[1],
            rows=self._totals["rows"],
            only_before=self._totals["before"],
            only_after=self._totals["after"],
            changed=self._totals["changed"],
            answers=self._totals["answer"],
            tiers=self._totals["tier"],
            templates=self._totals["template_id"],
            answer_changes=listed,
            answers_not_listed=self._totals["answer"] - sum(each.rows for each in listed),
            tier_changes=_most_first(self._tiers),
            by_template=self._by_template(texts),
        )

    def _by_template(self, texts: Mapping[str, str]) -> tuple[TemplateChange, ...]:
        """Return the templates in which something changed, most changed answers first."""
        changed = [
            TemplateChange(
                id=name,
                text=texts.get(name, ""),
                rows=counts["rows"],
                answers=counts["answer"],
                tiers=counts["tier"],
                templates=counts["template_id"],
                examples=self._best(name),
            )
            for name, counts in self._templates.items()
            if counts["changed"]
        ]
        changed.sort(key=lambda each: (-each.answers, -each.tiers, -each.templates, each.id))
        return tuple(changed)

    def _compare(self, before: pa.Table, after: pa.Table) -> None:
        """Count what differs in rows that both have, in the same order."""
        differs = {name: _differs(before[name], after[name]) for name in _COMPARED}
        differs["changed"] = np.logical_or.reduce(list(differs.values()))
        differs["rows"] = np.ones(before.num_rows, dtype=bool)
        for name, which in differs.items():
            if name != "rows":
                self._totals[name] += int(which.sum())
        self._count_templates(before, differs)
        changed = np.flatnonzero(differs["changed"])
        if len(changed):
            self._count_changes(before.take(changed), after.take(changed))

    def _count_templates(self, before: pa.Table, differs: Mapping[str, NDArray[np.bool_]]) -> None:
        templates = coded(before["template_id"])
        for name, which in differs.items():
            counts = np.bincount(templates.codes[which], minlength=len(templates.names)).tolist()
            for template, count in zip(templates.names, counts, strict=True):
                self._templates.setdefault(template, Counter())[name] += count

    def _count_changes(self, before: pa.Table, after: pa.Table) -> None:
        """Count from what to what rows changed, and keep some of them as examples."""
        for counter, name in ((self._answers, "answer"), (self._tiers, "tier")):
            for pair, count in _pairs(before[name], after[name]).items():
                if pair in counter or len(counter) < MOST_CHANGES:
                    counter[pair] += count
        otherwise = _differs(before["answer"], after["answer"])
        for which in (True, False):
            rows = np.flatnonzero(otherwise == which)
            self._keep(before.take(rows), after.take(rows), answers_differ=which)

    def _keep(self, before: pa.Table, after: pa.Table, *, answers_differ: bool) -> None:
        """Keep the first rows of each template that has not enough examples yet."""
        templates = coded(before["template_id"])
        for code, name in enumerate(templates.names):
            own = self._examples.setdefault((name, answers_differ), [])
            if len(own) < MOST_EXAMPLES:
                rows = np.flatnonzero(templates.codes == code)[: MOST_EXAMPLES - len(own)]
                own += self._spots(before.take(rows), after.take(rows))

    def _spots(self, before: pa.Table, after: pa.Table) -> list[Spot]:
        answers = after["answer"].to_pylist()
        return [
            Spot(
                file=self._places[file_of(row["key"])],
                number=row["number"],
                offset=row["offset"],
                before=row["answer"],
                after=answer,
            )
            for row, answer in zip(before.to_pylist(), answers, strict=True)
        ]

    def _best(self, template: str) -> tuple[Spot, ...]:
        found = [
            spot for which in (True, False) for spot in self._examples.get((template, which), [])
        ]
        return tuple(found[:MOST_EXAMPLES])


def _common(
    some: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the keys that both have are in each; keys ascend."""
    if np.array_equal(some, others):
        every = np.arange(len(some))
        return every, every
    _, here, there = np.intersect1d(some, others, assume_unique=True, return_indices=True)
    return here, there


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.not_equal(before, after).to_numpy()
    return found


def _pairs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> dict[tuple[str, str], int]:
    """Return how many rows went from which name to which other one."""
    some, others = coded(before), coded(after)
    codes, counts = np.unique(some.codes * len(others.names) + others.codes, return_counts=True)
    named = {
        (some.names[code // len(others.names)], others.names[code % len(others.names)]): count
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    }
    return {pair: count for pair, count in named.items() if pair[0] != pair[1]}


def _most_first(counts: Mapping[tuple[str, str], int]) -> tuple[Change, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Change(before, after, rows) for (before, after), rows in ordered)


def _finished(directory: Path) -> identity.Identity:
    """Return the job of a directory that has a receipt."""
    job = identity.read(directory)
    if not (directory / RECEIPT_JSON).is_file():
        raise InputError(
            str(directory), "the job is not finished", "End it with `headgate batch resume`."
        )
    return job


def _refuse_other_input(place: Path, before: identity.Identity, after: identity.Identity) -> None:
    """Refuse to compare rows that are not the same ones."""
    remedy = "Run both cascades over the same files, read in the same way."
    files = [{file.place: file.fingerprint for file in job.files} for job in (before, after)]
    for name in sorted(files[0].keys() | files[1].keys()):
        if files[0].get(name) != files[1].get(name):
            raise InputError(str(place), f"it had another input: {name!r} differs", remedy)
    read = [{**asdict(job.spec), "patterns": ()} for job in (before, after)]
    for name, value in read[0].items():
        if value != read[1][name]:
            raise InputError(str(place), f"it read the input with another {name}", remedy)


def _side(directory: Path, job: identity.Identity) -> Side:
    return Side(
        directory=str(directory),
        cascade=job.cascade.name,
        revision=job.cascade.revision,
        artifact_revision=job.cascade.artifact_revision,
        headgate=job.headgate,
    )
