"""How well our templates, and drain3's, agree with those that people gave.

DATA/logs/loghub_*_2k.csv.gz -> lines (2,000 a system) -> templates -> one JSON object

`ga` is grouping accuracy; `fta` is loghub-2.0's F1 of template accuracy, against the column
`EventTemplateCorrected` (where a set has none, `EventTemplate`). One configuration for all systems:
ours as it comes, drain3's with its default parameters and masks of the kinds that its documentation
shows. Figures against `EventTemplate`, and drain3's without masks, go to standard error.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

# Last, so that grpc.py beside this file does not hide the library of that name.
sys.path.append(str(Path(__file__).parent))

from log_lines.accuracy import grouping_accuracy, template_f1
from log_lines.peer import Drain3
from log_lines.sets import LogSet, find_sets, load_set

from headgate.domains.log_templates import mine, shape_block

Figures = dict[str, float]
TOOLS = ("headgate", "drain3")


def main() -> int:
    """Run both tools on all sets and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    paths = find_sets(arguments.data)
    if not paths:
        print(f"{arguments.data}: no logs/loghub_*_2k.csv.gz. Name the data folder.")
        return 2
    with Drain3() as drain3:
        results = {own.system: compare(own, drain3) for own in map(load_set, paths)}
    results["mean"] = {
        tool: mean([figures[tool] for figures in results.values()]) for tool in TOOLS
    }
    print(json.dumps(results))
    return 0


def compare(own: LogSet, drain3: Drain3) -> dict[str, Figures]:
    """Return the figures of both tools on one system's lines."""
    ours, theirs = our_templates(own), drain3.parse(own.contents, "documented")
    plain = drain3.parse(own.contents, "none")
    figures = {
        "headgate": judged(own.corrected, ours, ours),
        "drain3": judged(own.corrected, theirs.clusters, theirs.templates),
    }
    others = {
        "headgate, first gold": judged(own.gold, ours, ours),
        "drain3, first gold": judged(own.gold, theirs.clusters, theirs.templates),
        "drain3 without masks": judged(own.corrected, plain.clusters, plain.templates),
        "drain3 without masks, first gold": judged(own.gold, plain.clusters, plain.templates),
    }
    print(f"{own.system}: {json.dumps({**figures, **others})}", file=sys.stderr, flush=True)
    return figures


def our_templates(own: LogSet) -> list[str]:
    """Return the text of each line's template, shape (lines,)."""
    codes, shapes = shape_block(own.column())
    texts = shapes.to_pylist()
    templates = mine(texts, np.bincount(codes).tolist())
    return [templates[place].text for place in templates.assign(texts)[codes].tolist()]


def judged(gold: Sequence[str], groups: Sequence[object], texts: Sequence[str]) -> Figures:
    """Return both figures, to four digits."""
    ga, fta = grouping_accuracy(gold, groups), template_f1(gold, texts)
    return {"ga": round(ga, 4), "fta": round(fta, 4)}


def mean(figures: Sequence[Mapping[str, float]]) -> Figures:
    """Return the mean of each figure over the systems."""
    return {name: round(statistics.mean(each[name] for each in figures), 4) for name in figures[0]}


if __name__ == "__main__":
    sys.exit(main())
