"""Small-model-first cascades, served over gRPC on Ray.

Importing this package loads neither torch nor ray: errors and values only.
"""

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
