"""What reading the headers of lines gives.

content (lines,) -> Header.parse -> Parsed: columns (fitting lines,), misfits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headgate.batch.types import Reason


@dataclass(frozen=True, slots=True)
class Parsed:
    """The lines whose header was understood, in order; and why the others were not."""

    fits: NDArray[np.bool_]
    """Shape (lines,)."""
    content: pa.LargeBinaryArray
    """Shape (fitting lines,), as are the columns below."""
    timestamps: pa.TimestampArray | None = None
    levels: pa.LargeStringArray | None = None
    components: pa.LargeStringArray | None = None
    reasons: Sequence[tuple[Reason, str]] = ()
    """One for each line that does not fit: reason and detail."""


class Header(Protocol):
    """One way to read the header of a line."""

    def parse(self, content: pa.LargeBinaryArray, written_s: float) -> Parsed:
        """Return the columns of some lines.

        Args:
            content: Shape (lines,).
            written_s: Unix time at which the file was written, for times without a year.
        """
