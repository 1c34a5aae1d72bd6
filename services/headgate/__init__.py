"""Small-model-first cascades, served over gRPC on Ray.

Importing this package loads neither torch nor ray: errors and values only.
"""

import os

# The gRPC library would otherwise start its threads anew in a child between fork and exec, where
# they end one in three: Ray's processes, which a process with a channel starts. It reads this when
# it is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from headgate.errors import HeadgateError
from headgate.types import Candidate, Decision, Hit, Record, Result, Step, Tier, Usage

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Decision",
    "HeadgateError",
    "Hit",
    "Record",
    "Result",
    "Step",
    "Tier",
    "Usage",
    "__version__",
]
