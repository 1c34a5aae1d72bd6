"""What news advising takes from callers and tells them: items in, verdicts with their views out.

GivenItem  ->  NewsAdvice: verdict, probability, views (one a perspective), similar items

All frozen, none with I/O, and nothing here but the standard library: clients import it.
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.errors import HeadgateError
from headgate.types import Advice, GuaranteeState, Hit, Step, Tier, Usage


@dataclass(frozen=True, slots=True)
class GivenItem:
    """A news item as a caller has it."""

    id: str
    """Unique among the items of a call; its position when empty."""
    text: str
    """What is said."""
    context: str = ""
    """Who said it, where and when; empty when nothing is known."""
    lossy: bool = False
    """True when bytes of text or context that were not UTF-8 were replaced by U+FFFD."""


@dataclass(frozen=True, slots=True)
class NewsAdvice:
    """What is advised about one news item with everything that led to it; or its error."""

    id: str
    verdict: str = ""
    """One of the cascade's two labels; advice and not fact."""
    probability: float = 0.0
    """Of the label that is looked for, the second one, by the model that gave the verdict."""
    confidence: float = 0.0
    """Probability that the verdict is right."""
    tier: Tier | None = None
    """Which model gave the verdict."""
    views: tuple[Advice, ...] = ()
    """One a perspective that did not fail; empty when the large model was not asked."""
    similar: tuple[Hit, ...] = ()
    """Past items that are like this one, most similar first."""
    path: tuple[Step, ...] = ()
    rationale: str = ""
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What the large model consumed for it, all perspectives together."""
    certificate_id: str = ""
    """The certificate the verdict falls under; empty when it falls under none."""
    guarantee: GuaranteeState = GuaranteeState.UNCERTIFIED
    """The state of that certificate when the verdict was given."""
    degraded: str = ""
    """Why this is not the answer the policy wanted; empty when it is."""
    cached: bool = False
    lossy_input: bool = False
    error: HeadgateError | None = None
