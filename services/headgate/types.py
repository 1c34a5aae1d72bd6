"""The values that travel between stages, all frozen, none with I/O.

Record -> classify: Prediction -> gate: GateVerdict -> retrieve: Hits -> verify: Judgement
       -> Result
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headgate.errors import HeadgateError


class Tier(StrEnum):
    """Which model answered."""

    SMALL = "small"
    """The small model's answer was returned."""
    LARGE = "large"
    """The large model decided."""


class Decision(StrEnum):
    """What a stage did with a record."""

    ANSWERED = "answered"
    """A model gave an answer; a gate or the end of the flow says whether it is returned."""
    KEPT = "kept"
    """The gate returned the small model's answer."""
    ESCALATED = "escalated"
    """The gate sent the record on to the next tier."""
    RETRIEVED = "retrieved"
    """Similar cases, or passages, were found for the next stage."""
    PLANNED = "planned"
    """The question was split into steps."""
    FAILED = "failed"
    """The stage failed on this record."""


class GuaranteeState(StrEnum):
    """How far the gate's statement about quality can be relied on now."""

    CERTIFIED = "certified"
    """The certificate holds, and nothing seen since speaks against it."""
    SUSPECT = "suspect"
    """Scores have drifted from those that were certified; audits are more frequent."""
    VOID = "void"
    """Audits show more risk than was certified; the gate keeps less."""
    UNCERTIFIED = "uncertified"
    """There is no certificate, or it is not one of what is loaded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the answers a record may choose from."""

    id: str
    """Unique within its record."""
    text: str
    """What a model reads."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to decide: a log line, a line with a description, a line with causes."""

    id: str
    """Unique within its batch; chosen by the caller."""
    fields: Mapping[str, str]
    """Text by field name, as the task's operation names them."""
    candidates: tuple[Candidate, ...] = ()
    """The record's own answer set; empty when the task declares labels."""
    lossy: bool = False
    """True when bytes that were not UTF-8 were replaced by U+FFFD."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A small model's full answer for one record."""

    options: tuple[str, ...]
    """The declared labels, or the record's candidate ids."""
    probabilities: tuple[float, ...]
    """One a option, summing to 1."""

    @property
    def best(self) -> int:
        """Return the index of the most probable option; the first one on a tie."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def answer(self) -> str:
        """Return the most probable option."""
        return self.options[self.best]

    @property
    def confidence(self) -> float:
        """Return the probability of the answer, between 1/len(options) and 1."""
        return self.probabilities[self.best]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says of one prediction."""

    kept: bool
    """True when the small model's answer is returned."""
    score: float
    """How sure the small model is, higher is surer, on the scale of the threshold."""
    threshold: float
    """The smallest score that is kept."""
    raw_score: float
    """On the score's own scale, before it was mapped."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found by a retrieval, with how similar it is."""

    id: str
    similarity: float
    """Cosine, between -1 and 1."""
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Such as `label` and `reason` of a past case."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The candidates that a small model found for one record, and how far it believes in each."""

    prediction: Prediction
    """Over the ids of the candidates, best first; the last option is that none of them fits."""
    hits: tuple[Hit, ...] = ()
    """What speaks for the best of them, in the same order."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What language models consumed for one record, or the sum over several."""

    calls: int = 0
    """Calls that reached an engine; an answer from the cache is no call."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    estimated: bool = False
    """True when tokens were estimated from the text because the engine did not count them."""

    def __add__(self, other: Usage) -> Usage:
        """Return the sum; it is estimated when either part is."""
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One question of a plan."""

    id: int
    """Its number, from 1."""
    text: str
    """The question; `#1` in it stands for the answer of step 1."""
    needs_context: bool = True
    """False where passages would not help, as in a comparison of two answers."""
    refers_to: tuple[int, ...] = ()
    """Earlier steps that have to be answered first, in ascending order."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How a question was split."""

    steps: tuple[PlanStep, ...]
    """At least one; one when the question needs no decomposition, or none could be made."""
    usage: Usage = Usage()
    cached: bool = False
    fallback: str = ""
    """Why the question stays whole although a split was tried; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a language model read as the answer to a question."""

    prediction: Prediction
    """One option, the answer, with the probability that it is right."""
    passages: tuple[str, ...] = ()
    """Ids of the passages it names as its evidence, of those it was shown."""
    log_prob: float | None = None
    """Mean log-probability of the answer's tokens; None when the model does not tell."""
    usage: Usage = Usage()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What a large model says of a record from one perspective; a small network decides."""

    perspective: str
    """What it was asked to look at, as the cascade names it."""
    probability: float
    """That the record deserves the second label, 0 to 1, in the large model's opinion."""
    rationale: str
    """Why, in the model's words; one line, capped in length, advice and not fact."""
    usage: Usage = Usage()
    cached: bool = False
    usefulness: float | None = None
    """How far the network trusts it, 0 to 1; None before it was weighed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The large model's decision on one record; always a member of the record's options.

    A question has no options: its answer is a short text.
    """

    answer: str
    rationale: str
    """Why, in the model's words; capped in length, advice and not fact."""
    usage: Usage
    cached: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    """The large model's score of each candidate that it gave one, 0 to 1, on one scale over all
    records; empty for a decision."""
    confidence: float | None = None
    """Probability that the answer is right, where there is one."""
    plan: tuple[PlanStep, ...] = ()
    """By which a question was answered; empty for other records."""
    parts: tuple[Result, ...] = ()
    """One a step of the plan, in order; what they consumed is not in `usage`."""
    evidence: tuple[Hit, ...] = ()
    """Passages that the answer rests on; empty when the record's own evidence stands."""
    cited: tuple[str, ...] = ()
    """Ids of the passages that the answer was read from."""
    advice: tuple[Advice, ...] = ()
    """That the answer was weighed from, in the order of the perspectives; those that failed are
    missing."""

    @property
    def total_usage(self) -> Usage:
        """Return what it took, all parts included."""
        return sum((part.usage for part in self.parts), self.usage)


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did with one record."""

    stage: str
    kind: str
    decision: Decision
    elapsed_ms: float
    """Wall time of the stage for the whole batch the record was in."""
    score: float | None = None
    """The gate's score, or the classifier's confidence."""
    detail: str = ""
    """One short clause for a person, such as the threshold or the error's reason."""


@dataclass(frozen=True, slots=True)
class Result:
    """A record's answer with everything that led to it; or its error."""

    record_id: str
    answer: str = ""
    confidence: float = 0.0
    """The small model's probability of the answer that is returned."""
    tier: Tier | None = None
    path: tuple[Step, ...] = ()
    evidence: tuple[Hit, ...] = ()
    rationale: str = ""
    usage: Usage = Usage()
    certificate_id: str = ""
    """The certificate the answer falls under; empty when it falls under none."""
    guarantee: GuaranteeState = GuaranteeState.UNCERTIFIED
    """The state of that certificate when the answer was given."""
    degraded: str = ""
    """Why this is not the answer the policy wanted; empty when it is."""
    lossy_input: bool = False
    cached: bool = False
    error: HeadgateError | None = None
    parts: tuple[Result, ...] = ()
    """Of what the record fanned out to: the columns of a table, the steps of a plan."""
    ranking: tuple[tuple[str, float], ...] = ()
    """(option, score), best first; empty when the answer came without an order."""
    plan: tuple[PlanStep, ...] = ()
    """The steps that a question was split into; empty when none were needed."""
    asked: str = ""
    """Of a part that is a step: its question, with earlier answers in their places."""
    cited: tuple[str, ...] = ()
    """Ids of the passages, among the evidence, that the answer was read from."""
    advice: tuple[Advice, ...] = ()
    """What a large model said from each perspective that answered; advice and not fact."""


@dataclass(frozen=True, slots=True)
class Interim:
    """What is known of a record before its answer: a plan, or one finished step of it."""

    record_id: str
    plan: tuple[PlanStep, ...] = ()
    part: Result | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The large model's decision on one record that no small model saw first; or its error."""

    record_id: str
    judgement: Judgement | None = None
    confirmed: bool | None = None
    """Whether it equals the caller's proposal; None without one."""
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the gate would have done with one record at another epsilon."""

    epsilon: float
    certified: bool
    """Whether the labels sufficed to certify that epsilon."""
    threshold: float
    """The smallest confidence that would be kept."""
    kept: bool


@dataclass(frozen=True, slots=True)
class GateExplanation:
    """How one gate came to its decision about one record."""

    gate: str
    predicted: str
    """The small model's answer."""
    raw_score: float
    """On the score's own scale, before the map."""
    confidence: float
    """What is compared with the threshold; higher is surer."""
    threshold: float
    """The smallest confidence that is kept."""
    kept: bool
    alternatives: tuple[Alternative, ...] = ()
    """Other epsilons, ascending; each statement holds by itself, not all at once."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which path a record would take, found without calling a large model; or its error."""

    record_id: str
    answer: str = ""
    """The small model's."""
    confidence: float = 0.0
    tier: Tier | None = None
    """Which model's answer would be returned."""
    path: tuple[Step, ...] = ()
    evidence: tuple[Hit, ...] = ()
    expected_usage: Usage = Usage()
    """Estimated from the prompt; zero when the large model would not be asked."""
    gates: tuple[GateExplanation, ...] = ()
    """The gates it reached, in order."""
    parts: tuple[Explanation, ...] = ()
    """Of what the record fans out to, such as the columns of a table."""
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """The right answer to a record that was answered earlier."""

    record_id: str
    label: str
    """A declared label, or the id of one of the record's candidates."""
    request_id: str = ""
    """The request it was in; empty for the latest record of that id."""


@dataclass(frozen=True, slots=True)
class FeedbackOutcome:
    """What became of one piece of feedback; `error` says why it was not taken."""

    record_id: str
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage of a served cascade."""

    name: str
    kind: str
    model: str = ""
    """Empty when it calls none."""
    threshold: float | None = None
    """For a gate: the smallest score that is kept."""


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """What a cascade's gate states about the quality it gives up."""

    id: str
    kind: str
    """`agree`, `regret`, `netgap`, `selective` or `two_sided`: which loss is bounded."""
    mode: str
    """`stream`: with probability 1 - delta; `expectation`: on average only, no certificate."""
    epsilon: float
    """Largest risk."""
    delta: float
    """Chance, over the draw of the labels, that the statement is wrong."""
    certified: bool
    n: int
    """Certification units: labelled rows, or templates, that nothing was tuned on."""
    bad: int
    """Units among those kept that count as bad."""
    p_value: float
    automation: float
    """Share of the units that small models answer."""
    labels_needed: int
    """Labels that would be needed at least; 0 when it is certified."""
    issued: str
    """ISO 8601, UTC."""
    state: GuaranteeState
    problem: str = ""
    """Why it does not hold here, such as which hash differs; empty when it does."""


@dataclass(frozen=True, slots=True)
class CascadeSummary:
    """One line about a served cascade."""

    name: str
    revision: str
    """Of file, prompts and artifact together."""
    description: str = ""
    ready: bool = True
    problem: str = ""
    """Why it cannot answer; empty when it can."""
    certificate: CertificateSummary | None = None
    """None when the cascade file asks for none."""


@dataclass(frozen=True, slots=True)
class CascadeDescription:
    """What a served cascade reads, answers and is made of."""

    summary: CascadeSummary
    operation: str
    fields: tuple[str, ...]
    """Every record must have them."""
    labels: tuple[str, ...]
    """Empty when each record brings candidates."""
    stages: tuple[StageSummary, ...]
    llm_share: float
    """Largest share of records meant for the large model."""
    development_metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock after which nobody waits for the answer."""

    at: float
    """Seconds on `time.monotonic`."""

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining_s(self) -> float:
        """Return the seconds left; negative when it has passed."""
        return self.at - time.monotonic()


def _tell_nobody(interim: Interim) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and in which request."""

    request_id: str = ""
    """Empty when nobody will name the request in feedback."""
    caller: str = ""
    """Empty when the caller did not name itself."""
    tell: Callable[[Interim], None] = _tell_nobody
    """Called with what is known before the answer; must not wait."""
