"""How well columns are matched and named, and how much of it needs the large model.

DATA/schema/gdc      -> for each table: fit on the others -> run -> figures; peers on the same table
DATA/schema/sotabv2* -> fit on train, thresholds on validation -> run on test -> one JSON object

zero_shot    The embedded encoder; nothing is learned, and no label is read.
fine_tuned   The encoder trained on the target's own columns, in wordings that a large model wrote
    once; how much each similarity counts is learned on the other tables.
llm          Then a large model scores the candidates of every column.
cascade      Then it scores those of at most half of the columns, which a gate chooses.

`seconds` are of one table whose target is known already, the median of three runs. The large
model's answers are recorded ones, so what it would take is in none of them. Peers keep nothing of
a target, and their seconds include it. A figure that cannot be made is null, and standard error
says why.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Last, so that grpc.py beside this file does not hide the library of that name.
sys.path.append(str(Path(__file__).parent))

from schema_sets import gdc, sotab
from schema_sets.cascades import MODES, Mode, cascade_matches, tune
from schema_sets.figures import Figures, figures, mean
from schema_sets.peers import PEERS, peer_matches

from headgate.errors import HeadgateError

PARTS = ("cascades", "peers", "sotab")

Report = dict[str, dict[str, Figures | None]]


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS, help="for a quick trial")
    arguments = parser.parse_args()
    parts = PARTS if arguments.only is None else (arguments.only,)
    problems = {"gdc": gdc.missing(arguments.data), "sotab": sotab.missing(arguments.data)}
    if all(problems.values()):
        print(problems["gdc"], file=sys.stderr)
        return 2
    for problem in filter(None, problems.values()):
        say(f"{problem} What needs it is left out.")
    report: dict[str, object] = {}
    if not problems["gdc"]:
        report |= matching(arguments.data, parts)
    if not problems["sotab"] and "sotab" in parts:
        report["sotab"] = naming(arguments.data)
    print(json.dumps(report))
    return 0


def say(line: str) -> None:
    """Print progress, which is not the result."""
    print(line, file=sys.stderr, flush=True)


def matching(data: Path, parts: tuple[str, ...]) -> Report:
    """Return the figures of each table and their mean, by matcher."""
    if not {"cascades", "peers"} & set(parts):
        return {}
    tables = gdc.load(data, say)
    with tempfile.TemporaryDirectory(prefix="schema-quality-") as scratch:
        work = Path(scratch)
        if "cascades" in parts:
            prepare(tables, work)
        report = {
            study.name: dict(of_table(study, tables, work, parts)) for study in tables.studies
        }
    matchers = next(iter(report.values()))
    means = {matcher: mean(own[matcher] for own in report.values()) for matcher in matchers}
    for matcher, found in means.items():
        say(f"mean: {matcher}: {json.dumps(found)}")
    return {**report, "mean": means}


def prepare(tables: gdc.SchemaSet, work: Path) -> None:
    """Write what all cascades share; without a tuned encoder those that need one fail later."""
    gdc.write_inputs(tables, work)
    try:
        tune(tables, work, say)
    except HeadgateError as error:
        say(f"the encoder cannot be tuned: {error}")


def of_table(
    study: gdc.Study, tables: gdc.SchemaSet, work: Path, parts: tuple[str, ...]
) -> Iterator[tuple[str, Figures | None]]:
    """Yield the figures of one table by matcher."""
    for mode in MODES if "cascades" in parts else ():
        yield mode.name, told(study, mode.name, of_cascade(mode, study, tables, work))
    for peer in PEERS if "peers" in parts else ():
        matched = peer_matches(peer, study, tables, say)
        yield peer, told(study, peer, figures(matched, study.truth) if matched else None)


def of_cascade(mode: Mode, study: gdc.Study, tables: gdc.SchemaSet, work: Path) -> Figures | None:
    """Return the figures of a cascade; None when it cannot be fitted, which is told."""
    started = time.perf_counter()
    try:
        matched = cascade_matches(mode, study, tables, work, say)
    except HeadgateError as error:
        say(f"{study.name}: {mode.name} fails: {error}")
        return None
    say(f"{study.name}: {mode.name}: {time.perf_counter() - started:.0f} s with its fit")
    return figures(matched, study.truth) if matched else None


def told(study: gdc.Study, matcher: str, found: Figures | None) -> Figures | None:
    """Return the figures, and print them as progress."""
    say(f"{study.name}: {matcher}: {json.dumps(found)}")
    return found


def naming(data: Path) -> dict[str, float] | None:
    """Return the figures of naming columns; None when it fails, which is told."""
    with tempfile.TemporaryDirectory(prefix="schema-quality-") as scratch:
        try:
            found = sotab.sotab_figures(data, Path(scratch), say)
        except HeadgateError as error:
            say(f"sotab fails: {error}")
            return None
    say(f"sotab: {json.dumps(found)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
