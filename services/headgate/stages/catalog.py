"""Every kind of stage there is. A cascade file can name only what is here.

`gate` and its verdicts belong to the engine: it splits batches, which no stage may do. So do
`for_each` and `assign`, which part and join records.
"""

from __future__ import annotations

from headgate.stages.candidates import Candidates
from headgate.stages.classify import Classify
from headgate.stages.rerank import Rerank
from headgate.stages.retrieve import Retrieve
from headgate.stages.verify import Verify

__all__ = [
    "CATALOG",
    "Answering",
    "Asking",
    "Candidates",
    "Classify",
    "Rerank",
    "Retrieve",
    "Verify",
]

Answering = Classify | Candidates
"""A small model answers."""
Asking = Verify | Rerank
"""A large model is asked."""

CATALOG: dict[str, type[Classify | Retrieve | Candidates | Verify | Rerank]] = {
    "classify": Classify,
    "rerank": Rerank,
    "retrieve:error_cases": Retrieve,
    "retrieve:target": Candidates,
    "verify": Verify,
}
"""By kind, and by what is searched."""
