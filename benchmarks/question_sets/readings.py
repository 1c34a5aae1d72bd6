"""What recorded answers are worth when gates decide which of them are asked for.

questions -> readings: closed book, open book, from the steps -> trust of each, from other folds
          -> Tiers (n questions, 3 tiers) -> F1 against calls, violations of a certificate

A call is one that a large model is paid for: 1 closed book, 1 open book, and a tree's: 1 for the
plan, 1 a step and 1 for the answer from the steps; of a question that needs no decomposition the
plan and one step. The recorded method asks for more: its tree is 1 for the plan, 2 a step (closed
and open book) and 3 for the root.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from guarantee_sets.population import Population
from guarantee_sets.stream import StreamJob
from numpy.typing import NDArray

from headgate.domains.questions.answers import NO_ANSWER, exact_match, f1
from headgate.lm.read import ReadRequest
from headgate.models.trust import Trust, fit_trust
from headgate.stages.read import signs_of
from headgate.types import Prediction, Reading
from question_sets.hotpotqa import Recorded, RecordedQuestion, Say

CLOSED, OPEN, FINAL = range(3)
TIERS = ("closed_book", "open_book", "tree")
FOLDS = 5
SEED = 7
EPSILONS = (0.02, 0.05, 0.10)
_SHOWN = ("violation_rate", "delta", "automation", "oracle_automation", "accuracy_given_up")

Figures = dict[str, float]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tiers:
    """What each tier says of each question, the last one with all the others before it."""

    answers: tuple[tuple[str, ...], ...]
    """Shape (n, 3)."""
    trust: Floats
    """Shape (n, 3): higher is surer."""
    exact: NDArray[np.bool_]
    """Shape (n, 3)."""
    f1: Floats
    """Shape (n, 3)."""
    tree_calls: Floats
    """Shape (n,): of the tree alone."""


def folds_of(count: int) -> Places:
    """Return the fold of each of so many questions, shape (count,)."""
    return np.random.default_rng(SEED).permutation(count) % FOLDS


def fitted_tiers(questions: Sequence[RecordedQuestion]) -> Tiers:
    """Return the tiers with trust that was fitted on other folds, the last tier as the cascade's.

    Its answer is the one from the steps, or the open-book one where that is more trusted.
    """
    fold = folds_of(len(questions))
    found: list[tuple[Reading, Reading, Reading]] = [_untrusted(each) for each in questions]
    for number in range(FOLDS):
        others = [each for each, own in zip(questions, fold, strict=True) if own != number]
        trusts = _trusts(others)
        for place in np.flatnonzero(fold == number).tolist():
            found[place] = _trusted(questions[place], trusts)
    chosen = [(*row[:FINAL], max(row[OPEN:], key=_belief)) for row in found]
    return _tiers(questions, chosen)


def recorded_tiers(questions: Sequence[RecordedQuestion]) -> Tiers:
    """Return the tiers as they were recorded: log-probabilities, and the answer they chose."""
    rows = [
        tuple(_reading(each, None, Trust.default()) for each in (own.closed, own.open, own.chosen))
        for own in questions
    ]
    return _tiers(questions, rows)


def quality(tiers: Tiers, tier: int, calls: float) -> Figures:
    """Return EM, F1 and calls a question of one tier for all questions."""
    return {
        "em": round(float(tiers.exact[:, tier].mean()), 4),
        "f1": round(float(tiers.f1[:, tier].mean()), 4),
        "llm_calls": round(calls, 4),
    }


def tree_figures(tiers: Tiers, questions: Sequence[RecordedQuestion]) -> Figures:
    """Return what all tiers together come to when no gate keeps anything."""
    own = quality(tiers, FINAL, 2 + float(tiers.tree_calls.mean()))
    recorded = float(np.mean([1 + 2 * len(each.steps) + 3 for each in questions]))
    return {**own, "llm_calls_recorded": round(recorded, 4)}


def curve_figures(tiers: Tiers) -> Figures:
    """Return how much more F1 the gates buy than chance would, for any number of calls.

    Calls are spent where they are cheap first: on open-book answers, the least trusted
    closed-book ones first, and then on trees, the least trusted open-book answers first.

    `auc_over_random` is the area under the F1 gained, as a share of all that can be gained, over
    the share of calls, less the half that a gate has which sends questions through all tiers at
    random. `auc_over_random_order` is that less the area of random gates in the same places: what
    the trust alone is worth, without the order of the tiers.
    """
    rows = np.arange(len(tiers.f1))
    area = _area(tiers, np.argsort(tiers.trust[:, CLOSED]), np.argsort(tiers.trust[:, OPEN]))
    rng = np.random.default_rng(SEED)
    by_chance = [_area(tiers, rng.permutation(rows), rng.permutation(rows)) for _ in range(200)]
    return {
        "auc_over_random": round(area - 0.5, 4),
        "auc_over_random_order": round(area - float(np.mean(by_chance)), 4),
    }


def certificate_figures(tiers: Tiers, say: Say) -> dict[str, dict[str, Figures]]:
    """Return how often a certified bound on `regret` is broken, by gate and epsilon.

    Rows are drawn again and again, a threshold is certified on each draw, and its true regret is
    looked up over all questions, as `guarantee.py` does it.
    """
    found: dict[str, dict[str, Figures]] = {}
    for tier in (CLOSED, OPEN):
        population = _population(tiers, tier)
        own = found[TIERS[tier]] = {}
        for epsilon in EPSILONS:
            job = StreamJob(f"{TIERS[tier]} {epsilon}", population, "regret", epsilon)
            figures = job.run()["exact"]
            own[str(epsilon)] = {key: float(figures[key]) for key in _SHOWN}
            say(f"regret of {TIERS[tier]} at {epsilon}: {json.dumps(own[str(epsilon)])}")
    return found


def _area(tiers: Tiers, closed: Places, opened: Places) -> float:
    """Return the area under the gap recovered when gates send questions in these orders."""
    ones = np.ones(len(closed))
    gains = [_gain(tiers, OPEN)[closed], _gain(tiers, FINAL)[opened]]
    spent = np.concatenate([[0.0], np.cumsum([*ones, *tiers.tree_calls[opened]])])
    gained = np.concatenate([[0.0], np.cumsum(np.concatenate(gains))])
    return float(np.trapezoid(gained / gained[-1], spent / spent[-1]))


def _gain(tiers: Tiers, tier: int) -> Floats:
    """Return what a tier adds to the F1 of the one before, shape (n,)."""
    gain: Floats = tiers.f1[:, tier] - tiers.f1[:, tier - 1]
    return gain


def _population(tiers: Tiers, tier: int) -> Population:
    """Return the questions with one gate, at a tier, before the last one."""
    count, answers = len(tiers.f1), tiers.answers
    agrees = [exact_match(each[tier], [each[FINAL]]) for each in answers]
    return Population(
        TIERS[tier],
        scores=tiers.trust[:, [tier]],
        predicted=np.zeros((count, 1), np.int64),
        correct=tiers.exact[:, [tier]],
        agrees=np.array(agrees)[:, np.newaxis],
        large_correct=tiers.exact[:, FINAL],
        groups=np.arange(count),
    )


def _tiers(questions: Sequence[RecordedQuestion], rows: Sequence[Sequence[Reading]]) -> Tiers:
    answers = [tuple(each.prediction.answer for each in row) for row in rows]
    pairs = list(zip(answers, questions, strict=True))
    return Tiers(
        tuple(answers),
        np.array([[each.prediction.confidence for each in row] for row in rows]),
        np.array([[exact_match(each, own.golds) for each in row] for row, own in pairs]),
        np.array([[f1(each, own.golds) for each in row] for row, own in pairs]),
        np.array([_tree_calls(each) for each in questions], float),
    )


def _tree_calls(question: RecordedQuestion) -> int:
    plan = question.plan()
    return 1 + len(plan.steps) + plan.decomposed


def _trusts(questions: Sequence[RecordedQuestion]) -> tuple[Trust, ...]:
    """Return the trust in closed-book, open-book and concluded answers."""
    trusts: list[Trust] = []
    for tier in range(len(TIERS)):
        read = [_trusted(each, (*trusts, *[Trust.default()] * 3)[:3]) for each in questions]
        rows = [
            (own[tier], own[tier - 1] if tier else None, each)
            for own, each in zip(read, questions, strict=True)
            if own[tier].prediction.answer != NO_ANSWER
        ]
        signs = [
            signs_of(own.prediction.answer, own.log_prob, earlier=earlier)
            for own, earlier, _ in rows
        ]
        right = [exact_match(own.prediction.answer, each.golds) for own, _, each in rows]
        trusts.append(fit_trust(signs, right))
    return tuple(trusts)


def _untrusted(question: RecordedQuestion) -> tuple[Reading, Reading, Reading]:
    return _trusted(question, (Trust.default(),) * 3)


def _trusted(
    question: RecordedQuestion, trusts: Sequence[Trust]
) -> tuple[Reading, Reading, Reading]:
    """Return a question's readings, each with the one before as its earlier one."""
    closed = _reading(question.closed, None, trusts[CLOSED])
    opened = _reading(question.open, closed, trusts[OPEN])
    return closed, opened, _reading(question.child, opened, trusts[FINAL])


def _reading(recorded: Recorded, earlier: Reading | None, trust: Trust) -> Reading:
    """Return a recorded answer as a read stage would."""
    request = ReadRequest("", "", "")
    answer = request.parse(json.dumps({"answer": recorded.text})).answer
    signs = signs_of(answer or NO_ANSWER, recorded.log_prob, earlier=earlier)
    probability = trust.probability(signs) if answer else 0.0
    prediction = Prediction((answer or NO_ANSWER,), (probability,))
    return Reading(prediction, log_prob=recorded.log_prob)


def _belief(reading: Reading) -> float:
    return reading.prediction.confidence
