"""A schema cascade of tiny models, two small tables, and what comes of them, worked out by hand.

Table, Table -> TableRecord -> candidates, gate, rerank -> assign, all in a FanOut
YAML -> LoadedCascade -> the artifact that a fit would write for it

A target column fits when its name starts with the same word:

    "disk_a", "net_b"      one such column    0.9 that it fits, 0.1 that none does
    "pump_c", "held_d"     two of them        0.446 each, 0.108 that none fits
    "owner_e"              no such column     0.996 that none fits
    "poison_f"             the encoder fails

So at `HALF_WAY` only those with two are asked about. A score of 0.9 of the large model makes of
0.446 a belief of 0.96; see `CommonScale`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import AT_ONCE, HALF_WAY
from fakes.tiny_models import TinyEncoder
from headgate.artifact import JSON, Artifact, ArtifactWriter
from headgate.cascade.engine import About, Engine
from headgate.cascade.fan_out import FanOut
from headgate.cascade.fitted import (
    KIND,
    Fitted,
    FittedClassifier,
    FittedGate,
    facts_of,
    fit_key,
)
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.load import LoadedCascade
from headgate.cascade.nodes import GateNode, Node
from headgate.domains.schemas.assignment import UNMATCHED_PRICE
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.common_scale import CommonScale
from headgate.domains.schemas.match_record import ColumnRecord, TableRecord
from headgate.domains.schemas.match_task import MatchTask, TableTask
from headgate.gate.threshold import Gate
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.seam import Engine as LmEngine
from headgate.models.matcher import Matcher
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.assign import Assign
from headgate.stages.candidates import Candidates
from headgate.stages.rerank import Ranking, Rerank

# Only the first cosine counts, ten times. A single column with the same word has the log-odds
# 10 - (2.2 + 7.8 / 10) + BIAS = ln 9; see `Matcher`.
BIAS = math.log(9) - 7.02
MATCHER = Matcher((10.0, 0.0, 0.0, 0.0), BIAS, 0.0)


def column(name: str) -> Column:
    """Return a column without values."""
    return Column(name)


def table(*names: str, name: str = "table") -> Table:
    """Return a table of columns without values."""
    return Table(name, tuple(map(column, names)))


TARGET = table("disk_x", "net_x", "pump_x", "pump_y", "held_x", "held_y", name="target")


def tables(
    *names: str, record_id: str = "t", target: Table = TARGET, lossy: bool = False
) -> TableRecord:
    """Return a record of a source table with these columns."""
    source = table(*names, name=record_id)
    return TableRecord(id=record_id, fields={}, source=source, target=target, lossy=lossy)


def one_column(name: str, *, target: Table = TARGET) -> ColumnRecord:
    """Return a record of one source column."""
    return ColumnRecord(id=f"t/{name}", fields={}, column=column(name), target=target)


def candidates(encoder: TinyEncoder | None = None, *, name: str = "candidates") -> Candidates:
    """Return a stage that ranks the whole target."""
    return Candidates(
        name,
        "slm",
        encoder=encoder or TinyEncoder(),
        matcher=MATCHER,
        top_k=20,
        indexes=TargetIndexes(),
        batching=AT_ONCE,
    )


def keep(threshold: float = HALF_WAY) -> GateNode:
    """Return a gate on the highest probability."""
    return GateNode("keep", "candidates", Gate("max_prob", threshold))


def rerank(lm: LmEngine, *, items_per_prompt: int = 1) -> Rerank:
    """Return a stage that asks `lm`, at 1 and 2 dollars for a million tokens in and out."""
    return Rerank(
        "judge",
        "llm",
        task=MatchTask(),
        large_model=LargeModel(lm, price=Price(1.0, 2.0), backoff_s=(0, 0)),
        instruction="Match.",
        of="candidates",
        ranking=Ranking(items_per_prompt),
    )


def units_of(nodes: Sequence[Node], guarantee: Guarantee | None = None) -> Engine:
    """Return the engine of columns."""
    about = About("matching", "", "r", llm_share=0.2, metrics={})
    return Engine(about, task=MatchTask(), nodes=nodes, guarantee=guarantee, ranker=CommonScale())


def fan_out(units: Engine, *, unmatched_price: float = UNMATCHED_PRICE) -> FanOut:
    """Return the engine of tables around it."""
    stage = Assign("match", of="columns", unmatched_price=unmatched_price)
    return FanOut(units, name="columns", task=TableTask(), assign=stage)


def matching(
    lm: LmEngine | None = None,
    *,
    encoder: TinyEncoder | None = None,
    threshold: float = HALF_WAY,
    items_per_prompt: int = 1,
    guarantee: Guarantee | None = None,
) -> FanOut:
    """Return candidates, gate, rerank, and one-to-one pairs of it all."""
    asked = rerank(lm or ScriptedLm(), items_per_prompt=items_per_prompt)
    return fan_out(units_of([candidates(encoder), keep(threshold), asked], guarantee))


TABLES = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: columns}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: fitted
  models:
    slm: {kind: encoder, batch: {max_size: 8, max_wait_ms: 0}}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {name: candidates, kind: retrieve, index: target, top_k: 10}
        - {name: keep, kind: gate, of: candidates}
        - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, of: candidates}
    - {name: match, kind: assign, of: columns, unmatched_price: 0.3}
  deferral: {score: max_prob}
"""
"""The cascade above, as a file."""


def write_tables_artifact(loaded: LoadedCascade, matcher: JSON = None) -> Artifact:
    """Write the artifact of `TABLES` beside its file and open it again.

    Args:
        loaded: The cascade.
        matcher: What stands in the file of the matcher, when it is another than `MATCHER`.
    """
    fitted = Fitted(
        key=fit_key(loaded.spec),
        classifiers={"candidates": FittedClassifier(file="candidates.json", inputs="columns")},
        gates={"keep": FittedGate(score="max_prob", threshold=HALF_WAY)},
        encoders={"slm": "tiny-1"},
        metrics={},
        versions={"headgate": "0.1.0"},
        data_sha256="0" * 64,
    )
    with ArtifactWriter(Path(loaded.artifact)) as writer:
        content = json.dumps(MATCHER.to_json() if matcher is None else matcher)
        writer.path("candidates.json").write_text(content, encoding="utf-8")
        writer.finish(KIND, facts_of(fitted))
    return Artifact.open(loaded.artifact, kind=KIND)
