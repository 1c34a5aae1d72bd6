"""News with what a large model was recorded to say of it from two perspectives.

DATA/news/liar_train, liar_advice_{train,test}  ->  statements: advised, tested, and the others
DATA/news/weibo_qwen72b_val                     ->  posts: advised

The counts in LIAR's `*_c` columns include the verdict itself: they are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guarantee_sets.rows import Row, csv_rows, json_rows

from headgate.domains.news import CONTEXT, TEXT, news_text
from headgate.fitting.rationale import NewsExample
from headgate.lm.schema import inert
from headgate.types import Advice, Record

PERSPECTIVES = ("textual_description", "commonsense")
FILES = (
    "news/liar_train.csv.gz",
    "news/liar_advice_train.jsonl.gz",
    "news/liar_advice_test.jsonl.gz",
    "news/weibo_qwen72b_val.csv.gz",
)

_FAKE = ("pants-fire", "false", "barely-true")
_WEIBO_COLUMNS = {"textual_description": "td", "commonsense": "cs"}
_WEIBO_VERDICTS = {"0": 0.0, "1": 1.0, "2": 0.5}


@dataclass(frozen=True, slots=True)
class NewsSet:
    """One data set; whoever is tested on a part never trains on it."""

    advised: Sequence[NewsExample]
    """With both perspectives; judged by cross-validation."""
    others: Sequence[NewsExample] = ()
    """Without advice; always for training."""
    tested: Sequence[NewsExample] = ()
    """With both perspectives; judged once, by what was trained on all the rest."""


def missing(data: Path) -> str:
    """Return what is missing from the data folder, or nothing."""
    absent = [name for name in FILES if not (data / name).is_file()]
    return f"{data} lacks {', '.join(absent)}" if absent else ""


def liar(data: Path) -> NewsSet:
    """Return short political statements with who said them and where."""
    train, advised, tested = (data / name for name in FILES[:3])
    judged = [_judged(row) for row in json_rows(advised)]
    test = [_judged(row) for row in json_rows(tested)]
    known = {_normal(each.text) for each in [*judged, *test]}
    others = [
        NewsExample(_statement(row), row["label"] in _FAKE)
        for row in csv_rows(train)
        if _normal(_statement(row)) not in known
    ]
    return NewsSet(judged, others, test)


def weibo(data: Path) -> NewsSet:
    """Return Chinese posts; verdicts are yes, no, or neither, without a probability."""
    return NewsSet([_post(row) for row in csv_rows(data / FILES[3])])


def _judged(row: Row) -> NewsExample:
    advice = tuple(
        Advice(name, said["p_fake"], inert(said["rationale"]))
        for name in PERSPECTIVES
        for said in [row["advice"][name]]
    )
    return NewsExample(_statement(row), bool(row["fake"]), advice)


def _post(row: Row) -> NewsExample:
    advice = tuple(
        Advice(name, _WEIBO_VERDICTS[row[f"{short}_pred"]], inert(row[f"{short}_rationale"]))
        for name, short in _WEIBO_COLUMNS.items()
    )
    return NewsExample(row["content"], row["label"] == "1", advice)


def _statement(row: Row) -> str:
    said_by = (row["speaker"].replace("-", " "), row["context"], row["subjects"].replace(",", ", "))
    context = ", ".join(part for part in said_by if part)
    return news_text(Record("", {TEXT: row["statement"], CONTEXT: context}))


def _normal(text: str) -> str:
    """Return the statement without its context, which may be written otherwise elsewhere."""
    return " ".join(text.split("\n", maxsplit=1)[0].lower().split())
