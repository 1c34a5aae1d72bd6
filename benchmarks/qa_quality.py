"""How well passages are found and questions answered, how many calls that takes, and how fast.

DATA/questions/hotpotqa_* -> index, plans -> recall of the passages that are needed
                          -> recorded readings -> gates, cascades -> EM and F1 against calls
                          -> clients, synthetic vectors -> questions a second, p95, p99

retrieval   `question`, `span_plan`, `recorded_plan`: as in `question_sets/retrieval.py`, by vectors
    and words together; `bridging_alone` follows titles without a plan, and `dense` has the same
    figures by vectors alone.
answers     `closed_book`, `open_book`: one call each. `tree`: all tiers on every question, and the
    answer that the recorded method chose; `tree_trusted`: the one that our trust chooses.
    `cascade`: gates within a budget, `cascade_certified`: with bounded regret; both fitted on other
    folds and run by the engine. `llm_calls` counts what we would ask, `llm_calls_recorded` what the
    recorded method asks for the same; `calls_saved` is against `tree`, as we and as they count.
    `certificate`: how often the bound is broken.
speed       Questions are split and their passages found; no large model is asked.

The large model's answers are recorded ones. Nothing is learned or chosen on the questions that are
reported on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Last, so that grpc.py beside this file does not hide the library of that name.
sys.path.append(str(Path(__file__).parent))

from question_sets import cascades, hotpotqa, readings, retrieval, speed
from question_sets.hotpotqa import RecordedQuestion

from headgate.batch.corpus import EncoderChoice
from headgate.fitting.vectors import KnownVectors
from headgate.models.encoder import Encoder
from headgate.models.token_encoder import TokenEncoder

PARTS = ("retrieval", "answers", "speed")
VECTORS = 1_000_000

Report = dict[str, object]


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS, help="for a quick trial")
    parser.add_argument("--vectors", type=int, default=VECTORS, help="fewer for a quick trial")
    arguments = parser.parse_args()
    problem = hotpotqa.missing(arguments.data)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    parts = PARTS if arguments.only is None else (arguments.only,)
    questions = hotpotqa.load(arguments.data)
    report: Report = {}
    with tempfile.TemporaryDirectory(prefix="qa-quality-") as scratch:
        work = Path(scratch)
        if "answers" in parts:
            report["answers"] = answers(questions, work)
        if {"retrieval", "speed"} & set(parts):
            place = prepare(arguments.data, work)
            if "retrieval" in parts:
                report["retrieval"] = found_passages(questions, place)
            if "speed" in parts:
                report["speed"] = speeds(questions, place, arguments.vectors, work)
    print(json.dumps({part: report[part] for part in parts}))
    return 0


def say(line: str) -> None:
    """Print progress, which is not the result."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Place:
    """What questions are searched with."""

    built: speed.BuiltCorpus
    encoder: Encoder
    tokens: TokenEncoder


def prepare(data: Path, work: Path) -> Place:
    """Load the encoders and index the corpus."""
    encoder, tokens = EncoderChoice().load(), retrieval.token_encoder(work)
    say("index the corpus")
    built = speed.build_corpus(data, work, encoder)
    say(f"{len(built.corpus.index)} passages, {built.passages_per_s:.1f} a second")
    return Place(built, encoder, tokens)


def found_passages(questions: list[RecordedQuestion], place: Place) -> Report:
    """Return the recall of each kind of search, by vectors and words and by vectors alone."""
    say("split the questions")
    plans = retrieval.cross_fitted_plans(questions, place.tokens)
    vectors = KnownVectors(place.encoder, lambda step, done, total: None)
    figures = {}
    for retriever in retrieval.RETRIEVERS:
        searcher = retrieval.Searcher(place.built.corpus, vectors, retriever)
        figures[retriever] = retrieval.retrieval_figures(questions, plans, searcher)
        say(f"{retriever}: {json.dumps(figures[retriever])}")
    return {**figures["fused"], "dense": figures["dense"]}


def answers(questions: list[RecordedQuestion], work: Path) -> Report:
    """Return EM, F1 and calls of each way to answer, and what the gates are worth."""
    recorded, fitted = readings.recorded_tiers(questions), readings.fitted_tiers(questions)
    tree = readings.tree_figures(recorded, questions)
    report: Report = {
        "closed_book": readings.quality(fitted, readings.CLOSED, 1),
        "open_book": readings.quality(fitted, readings.OPEN, 1),
        "tree": tree,
        "tree_trusted": readings.tree_figures(fitted, questions),
        **readings.curve_figures(fitted),
        "by_log_prob": readings.curve_figures(recorded),
    }
    say(json.dumps(report))
    cascades.write_inputs(questions, work)
    within = cascades.answered_by_budget(questions, work, say)
    certified = cascades.answered_by_certificate(questions, work, say)
    report["cascade"] = saving(within.figures(questions), tree)
    proven = saving(certified.figures(questions), tree)
    report["cascade_certified"] = {**proven, "certified_folds": certified.certified}
    say(json.dumps({name: report[name] for name in ("cascade", "cascade_certified")}))
    report["certificate"] = readings.certificate_figures(fitted, say)
    return report


def saving(own: readings.Figures, tree: readings.Figures) -> readings.Figures:
    """Return the figures with the share of the tree's calls that is saved, as each side counts."""
    pairs = {"calls_saved": "llm_calls", "calls_saved_recorded": "llm_calls_recorded"}
    saved = {name: round(1 - own[calls] / tree[calls], 4) for name, calls in pairs.items()}
    return {**own, **saved}


def speeds(questions: list[RecordedQuestion], place: Place, vectors: int, work: Path) -> Report:
    """Return how fast questions, the index and its searches are."""
    corpus, encoder = place.built.corpus, place.encoder
    clients = speed.small_path_figures(questions, corpus, encoder, place.tokens)
    say(json.dumps(clients))
    queries = encoder.encode([each.question for each in questions])
    search = speed.search_figures(corpus, queries, vectors, work)
    say(json.dumps(search))
    return {**clients, "index_passages_per_s": round(place.built.passages_per_s, 1), **search}


if __name__ == "__main__":
    sys.exit(main())
