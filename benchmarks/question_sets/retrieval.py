"""How many of the passages that a question needs are among the first, by kind of search.

questions, plans -> distinct texts -> vectors -> searches -> rankings of passages -> recall

question         One search for the question.
span_plan        Our splitter's plan, from a splitter that was trained on other questions, and
    passages that the first ones name by their titles; nothing is read. So the cascade retrieves.
recorded_plan    A large model's plan: the question and each step, with recorded answers of earlier
    steps in their places, are searched for, and a passage has the best score it gets.
bridging_alone   Titles, and no plan.

A passage that was cut into pieces is found when one of them is.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from headgate.domains.questions.bridge import Scores, best_of, bridged, scaled
from headgate.domains.questions.plan import Plan, undecomposed, validated
from headgate.errors import InputError
from headgate.fitting.splitter import cross_fit_splits
from headgate.fitting.vectors import KnownVectors
from headgate.models.source import EMBEDDED, resolve_source
from headgate.models.token_encoder import OpenVinoTokenEncoder, TokenEncoder
from headgate.models.token_export import write_token_encoder
from headgate.retrieval.corpus.index import DEPTH
from headgate.retrieval.corpus.passage import Found
from headgate.stages.passages import Corpus
from headgate.types import PlanStep
from question_sets.hotpotqa import RecordedQuestion

CUTS = (5, 10)
FOLDS = 5

Retriever = Literal["fused", "dense"]
RETRIEVERS: tuple[Retriever, ...] = ("fused", "dense")
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Searcher:
    """One way to search a corpus; what was searched for once is remembered."""

    corpus: Corpus
    vectors: KnownVectors
    retriever: Retriever
    """By vectors and words, as the cascade does it, or by vectors alone."""
    found: dict[str, Scores] = field(default_factory=dict)

    def search(self, texts: Sequence[str]) -> list[Scores]:
        """Return the best passages for each text."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.found]
        for text, hits in zip(fresh, self._search(fresh) if fresh else (), strict=True):
            self.found[text] = {hit.passage.id: hit.score for hit in hits}
        return [self.found[text] for text in texts]

    def bridged(self, question: str, plan: Plan) -> list[str]:
        """Return passages as the cascade retrieves them, best first."""
        index = self.corpus.index
        ranked = bridged(
            question,
            plan,
            search=self.search,
            titles=self.corpus.titles,
            texts=lambda passage: index.passages([passage])[0].text,
        )
        return [passage for passage, _ in ranked]

    def merged(self, texts: Sequence[str]) -> list[str]:
        """Return passages by the best score that they get for a text."""
        scores = best_of([scaled(each) for each in self.search(texts)])
        return sorted(scores, key=lambda passage: (-scores[passage], passage))

    def _search(self, texts: Sequence[str]) -> list[tuple[Found, ...]]:
        vectors = self.vectors.vectors(texts)
        if self.retriever == "dense":
            return self.corpus.index.search_vectors(vectors, DEPTH)
        return self.corpus.index.search(texts, vectors, DEPTH)


def token_encoder(work: Path) -> OpenVinoTokenEncoder:
    """Return the embedded encoder's lower layers, as a fit writes them."""
    directory = work / "tokens"
    directory.mkdir()
    write_token_encoder(resolve_source(EMBEDDED), directory)
    return OpenVinoTokenEncoder(directory)


def cross_fitted_plans(questions: Sequence[RecordedQuestion], encoder: TokenEncoder) -> list[Plan]:
    """Return our plan of each question, from a splitter that learned from others only."""
    examples = [each.decomposed() for each in questions]
    found = cross_fit_splits(examples, encoder, folds=FOLDS)
    return [_plan(each.question, texts) for each, texts in zip(questions, found, strict=True)]


def retrieval_figures(
    questions: Sequence[RecordedQuestion], plans: Sequence[Plan], searcher: Searcher
) -> dict[str, Figures]:
    """Return the recall of each kind of search.

    Args:
        questions: With the passages that are needed.
        plans: Our own plan of each.
        searcher: Of one corpus, for all of them.
    """
    ours = dict(zip([each.id for each in questions], plans, strict=True))
    kinds: Mapping[str, Callable[[RecordedQuestion], list[str]]] = {
        "question": lambda each: searcher.merged([each.question]),
        "span_plan": lambda each: searcher.bridged(each.question, ours[each.id]),
        "recorded_plan": lambda each: searcher.merged(
            [each.question, *(step.asked for step in each.steps)]
        ),
        "bridging_alone": lambda each: searcher.bridged(each.question, undecomposed(each.question)),
    }
    return {name: _recall(questions, rank) for name, rank in kinds.items()}


def _recall(
    questions: Sequence[RecordedQuestion], rank: Callable[[RecordedQuestion], list[str]]
) -> Figures:
    """Return the mean share of the needed passages that are among the first."""
    shares: dict[int, list[float]] = {cut: [] for cut in CUTS}
    for each in questions:
        ranking = [piece.partition("#")[0] for piece in rank(each)[: max(CUTS)]]
        for cut, own in shares.items():
            own.append(len(each.supporting & set(ranking[:cut])) / len(each.supporting))
    return {f"recall_at_{cut}": round(statistics.fmean(own), 4) for cut, own in shares.items()}


def _plan(question: str, texts: Sequence[str]) -> Plan:
    """Return the plan of these steps; the question as it stands where they make none."""
    try:
        return validated([PlanStep(number, text) for number, text in enumerate(texts, 1)])
    except InputError:
        return undecomposed(question)
