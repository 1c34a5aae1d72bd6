"""Every kind of stage there is. A cascade file can name only what is here.

`gate` and its verdicts belong to the engine: it splits batches, which no stage may do.
"""

from __future__ import annotations

from headgate.stages.classify import Classify
from headgate.stages.retrieve import Retrieve
from headgate.stages.verify import Verify

__all__ = ["CATALOG", "Classify", "Retrieve", "Verify"]

CATALOG: dict[str, type[Classify] | type[Retrieve] | type[Verify]] = {
    "classify": Classify,
    "retrieve": Retrieve,
    "verify": Verify,
}
