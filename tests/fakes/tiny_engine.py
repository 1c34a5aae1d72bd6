"""Engines of tiny models, put together node by node, and what is told of their results.

TinyEncoder, ScriptedLm -> classify, gate, retrieve, verify -> Engine
"""

from __future__ import annotations

import numpy as np

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_models import LEVEL, TinyEncoder, text_classifier, vector_of
from headgate.cascade.engine import About, Engine
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode, Node
from headgate.domains.logs import LogTask
from headgate.gate.threshold import Gate
from headgate.lm.decide import LmRequest
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.seam import Engine as LmEngine
from headgate.retrieval.store import Document, VectorStore
from headgate.stages.catalog import Classify, Retrieve, Verify
from headgate.stages.classify import Classifier
from headgate.stages.microbatch import Batching
from headgate.types import Deadline, Result, Tier

AT_ONCE = Batching(max_size=64, max_wait_ms=0)
HALF_WAY = 0.8
"""Keeps 0.9 and sends 0.75 and 0.5 on."""

SMALL_DISK = ("disk", Tier.SMALL, "")
SMALL_NET = ("net", Tier.SMALL, "")
LARGE_NET = ("net", Tier.LARGE, "")


def shown(result: Result) -> tuple[str, Tier | None, str]:
    """Return answer, tier and why it is degraded."""
    return result.answer, result.tier, result.degraded


def soon() -> Deadline:
    """Return a deadline that no test reaches."""
    return Deadline.after(5)


def says_net(request: LmRequest) -> str:
    """Answer "net" to everything."""
    return "net"


def classify(
    encoder: TinyEncoder | None = None,
    *,
    name: str = "triage",
    classifier: Classifier | None = None,
    task: LogTask = LEVEL,
) -> Classify:
    """Return a classify stage, by texts and vectors when nothing else is given."""
    classifier = classifier or text_classifier()
    return Classify(
        name, "slm", task=task, classifier=classifier, encoder=encoder, batching=AT_ONCE
    )


def gate(threshold: float = HALF_WAY, *, name: str = "keep", of: str = "triage") -> GateNode:
    """Return a gate on the highest probability."""
    return GateNode(name, of, Gate("max_prob", threshold))


def agreeing(second: Classify, threshold: float = HALF_WAY) -> GateNode:
    """Return a gate on the mean of what two models give the first one's answer."""
    return GateNode("keep", "triage", Gate("agreement", threshold), second=second)


def retrieve(encoder: TinyEncoder | None = None) -> Retrieve:
    """Return a stage that finds one of three cases."""
    documents = [Document(f"case-{word}", word, "fit") for word in ("disk", "net", "unsure")]
    vectors = np.stack([vector_of(each.text) for each in documents])
    store = VectorStore.build(documents, vectors, encoder="tiny-1")
    encoder = encoder or TinyEncoder()
    return Retrieve(
        "similar", "slm", task=LEVEL, store=store, encoder=encoder, top_k=1, batching=AT_ONCE
    )


def verify(lm: LmEngine, *, evidence: str | None = None, task: LogTask = LEVEL) -> Verify:
    """Return a stage that asks `lm`, at 1 and 2 dollars for a million tokens in and out."""
    model = LargeModel(lm, price=Price(1.0, 2.0), backoff_s=(0, 0))
    return Verify(
        "decide", "llm", task=task, large_model=model, instruction="Sort.", evidence=evidence
    )


def engine_of(*nodes: Node, task: LogTask = LEVEL, guarantee: Guarantee | None = None) -> Engine:
    """Return the engine of these nodes."""
    about = About("sorting", "", "r", llm_share=0.2, metrics={"small_accuracy": 0.9})
    return Engine(about, task=task, nodes=nodes, guarantee=guarantee)


def cascade(
    lm: LmEngine | None = None,
    *,
    encoder: TinyEncoder | None = None,
    threshold: float = HALF_WAY,
    guarantee: Guarantee | None = None,
) -> Engine:
    """Return classify, gate, verify."""
    small = classify(encoder or TinyEncoder())
    return engine_of(small, gate(threshold), verify(lm or ScriptedLm()), guarantee=guarantee)
