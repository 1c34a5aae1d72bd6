"""Every kind of stage there is. A cascade file can name only what is here.

`gate` and its verdicts belong to the engine: it splits batches, which no stage may do. So do
`for_each` and `assign`, which part and join records; and `weigh`, which ends an `advise`.
"""

from __future__ import annotations

from headgate.stages.advise import Advise
from headgate.stages.candidates import Candidates
from headgate.stages.classify import Classify
from headgate.stages.decompose import Decompose
from headgate.stages.passages import Passages
from headgate.stages.read import Read
from headgate.stages.rerank import Rerank
from headgate.stages.retrieve import Retrieve
from headgate.stages.support import Support
from headgate.stages.synthesise import Synthesise
from headgate.stages.verify import Verify

__all__ = [
    "CATALOG",
    "Advise",
    "Answering",
    "Asking",
    "Candidates",
    "Classify",
    "Decompose",
    "Finding",
    "Passages",
    "Read",
    "Rerank",
    "Retrieve",
    "Support",
    "Synthesise",
    "Verify",
]

Answering = Classify | Candidates | Read
"""A small model answers."""
Finding = Retrieve | Passages | Decompose
"""Something is found out for later stages; a record goes on without it."""
Asking = Verify | Rerank | Support | Synthesise | Advise
"""A large model is asked."""

CATALOG: dict[str, type[Answering | Finding | Asking]] = {
    "advise": Advise,
    "classify": Classify,
    "decompose": Decompose,
    "read": Read,
    "rerank": Rerank,
    "retrieve:corpus": Passages,
    "retrieve:error_cases": Retrieve,
    "retrieve:target": Candidates,
    "synthesise": Synthesise,
    "verify": Verify,
    "verify:step": Support,
}
"""By kind, and by what is searched or verified."""
