"""Summaries as JSON, for the journal: each name once, everything else as numbers.

UnitSummary  <->  JSON, which holds no text of a row
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from headgate.batch.outputs.histogram import Histogram, Kind
from headgate.batch.outputs.summary import Group, Place, UnitSummary


class HistogramJson(TypedDict):
    """A histogram."""

    level: int
    counts: dict[str, list[list[int]]]
    """By answer: the numbers of its buckets, and the rows of each."""


class SummaryJson(TypedDict):
    """A summary."""

    rows: int
    templates: list[str]
    answers: list[str]
    tiers: list[str]
    files: list[str]
    groups: list[list[int]]
    """Index of template, of answer, of tier; rows."""
    first: list[list[int | None]]
    """Index of template; unit, row, index of file, number, offset."""
    degraded: dict[str, int]
    lossy: int
    untimed: int
    times: HistogramJson
    places: HistogramJson
    many_answers: bool


def summary_to_json(summary: UnitSummary) -> SummaryJson:
    """Return a summary as JSON's own types; equal summaries give equal ones."""
    templates = _places({group.template for group in summary.groups} | set(summary.first))
    answers = _places(group.answer for group in summary.groups)
    tiers = _places(group.tier for group in summary.groups)
    files = _places(place.file for place in summary.first.values())
    return {
        "rows": summary.rows,
        "templates": list(templates),
        "answers": list(answers),
        "tiers": list(tiers),
        "files": list(files),
        "groups": sorted(
            [templates[group.template], answers[group.answer], tiers[group.tier], rows]
            for group, rows in summary.groups.items()
        ),
        "first": [
            [templates[name], place.unit, place.row, files[place.file], place.number, place.offset]
            for name, place in sorted(summary.first.items())
        ],
        "degraded": dict(sorted(summary.degraded.items())),
        "lossy": summary.lossy,
        "untimed": summary.untimed,
        "times": _histogram_to_json(summary.times),
        "places": _histogram_to_json(summary.places),
        "many_answers": summary.many_answers,
    }


def summary_from_json(value: SummaryJson) -> UnitSummary:
    """Return the summary that was made into this."""
    templates, answers, tiers = value["templates"], value["answers"], value["tiers"]
    return UnitSummary(
        rows=value["rows"],
        groups={
            Group(templates[template], answers[answer], tiers[tier]): rows
            for template, answer, tier, rows in value["groups"]
        },
        first=dict(_first(value)),
        degraded=value["degraded"],
        lossy=value["lossy"],
        untimed=value["untimed"],
        times=_histogram_from_json("time", value["times"]),
        places=_histogram_from_json("place", value["places"]),
        many_answers=value["many_answers"],
    )


def _first(value: SummaryJson) -> Iterable[tuple[str, Place]]:
    for template, unit, row, file, number, offset in value["first"]:
        if template is None or unit is None or row is None or file is None:
            raise ValueError("a summary in the journal lacks a place. This is a bug.")
        place = Place(unit, row, value["files"][file], number, offset)
        yield value["templates"][template], place


def _histogram_to_json(histogram: Histogram) -> HistogramJson:
    counts: Mapping[str, Mapping[int, int]] = histogram.counts
    return {
        "level": histogram.level,
        "counts": {
            answer: [sorted(row), [row[number] for number in sorted(row)]]
            for answer, row in sorted(counts.items())
        },
    }


def _histogram_from_json(kind: Kind, value: HistogramJson) -> Histogram:
    counts = {answer: dict(zip(*row, strict=True)) for answer, row in value["counts"].items()}
    return Histogram(kind, value["level"], counts)


def _places(names: Iterable[str]) -> dict[str, int]:
    """Return the different names in order, each with its index."""
    return {name: place for place, name in enumerate(sorted(set(names)))}
