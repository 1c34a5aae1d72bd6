"""What a cascade file may say: the one source of keys, types, limits and defaults.

plain values of the YAML  ->  CascadeFile(metadata, spec: CascadeSpec), frozen

Rules between keys (references, order of the flow) are in `rules`, where positions are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from headgate.cascade.deferral import DeferralSpec
from headgate.cascade.model_spec import ModelSpec
from headgate.cascade.strict import Filled, Label, Model, Name
from headgate.domains.questions.plan import MOST_STEPS
from headgate.domains.schemas.assignment import UNMATCHED_PRICE

MAX_MODELS = 32
MAX_STAGES = 32
MAX_PERSPECTIVES = 8

Operation = Literal[
    "match_description",
    "level",
    "module",
    "classify_lines",
    "rank_causes",
    "label_columns",
    "match_columns",
    "answer_questions",
    "judge_news",
]


class Metadata(Model):
    """Which cascade this is."""

    name: Name
    """The name callers use."""

    description: str | None = None
    """One sentence for people."""


class TaskSpec(Model):
    """The question that is asked about each record, and the answers it may get."""

    operation: Operation
    """What is decided. Of logs: `match_description`: does the description fit the line, with
    exactly two labels, first "no match", then "match". `level`, `module`, `classify_lines`: which
    of 2 to 200 labels the line has. `rank_causes`: which of the record's own candidates is the
    cause, without labels. Of schemas: `label_columns`: which of 2 to 200 labels a column has.
    `match_columns`: which columns of two tables correspond, without labels. Of questions:
    `answer_questions`: a short answer to each question, without labels. Of news: `judge_news`:
    which of exactly two labels a text has, first the harmless one, then the one looked for."""

    labels: tuple[Label, ...] = Field(default=(), max_length=200)
    """The answer set; each label once."""


class ClassifySpec(Model):
    """A small model gives each record an answer and a probability for each option."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["classify"]
    """The kind of stage."""

    model: str
    """Name of an encoder or n-gram model."""


class GateSpec(Model):
    """Keeps the answers that are certain enough and sends the other records on."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["gate"]
    """The kind of stage."""

    of: str
    """Name of the stage directly before: a classify, a read, or a retrieve from the target."""

    share: float | None = Field(default=None, ge=0, le=1)
    """Share of the steps of plans that is sent on; only in a for_each of steps, where no
    certificate sets the threshold, and 0.3 when absent."""


class SearchSpec(Model):
    """What every retrieval has, whatever it searches."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["retrieve"]
    """The kind of stage."""

    model: str | None = None
    """Name of the encoder that embeds the record; the only encoder when absent."""


class RetrieveSpec(SearchSpec):
    """Finds similar past cases for a later verify stage."""

    index: Literal["error_cases"]
    """What is searched: the past cases on which the small model was wrong."""

    top_k: int = Field(default=5, ge=1, le=100)
    """How many cases are found for each record."""


class CandidatesSpec(SearchSpec):
    """A small model ranks the columns of the target table for a source column."""

    index: Literal["target"]
    """What is searched: the columns of the record's own target table."""

    top_k: int = Field(default=20, ge=1, le=100)
    """How many candidates are kept for each column."""


class CorpusSpec(SearchSpec):
    """Finds passages for a question in a corpus that `headgate index build` indexed."""

    index: Literal["corpus"]
    """What is searched: passages, by their vectors, their words and their titles."""

    corpus: Filled
    """Directory of the index; a relative path starts at the file's folder."""

    top_k: int = Field(default=10, ge=1, le=100)
    """How many passages are found for each question."""

    plan: Name | None = None
    """Name of an earlier decompose stage; what its steps ask is searched for as well."""


class ReadSpec(Model):
    """A language model answers a question, from passages or from what it knows."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["read"]
    """The kind of stage."""

    model: str
    """Name of a large model; it may be a small one."""

    prompt: Filled
    """File of the prompt, below the file's folder."""

    evidence: Name | None = None
    """Name of an earlier retrieve stage whose passages the model is shown."""


class DecomposeSpec(Model):
    """Splits a question into steps that refer to earlier answers."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["decompose"]
    """The kind of stage."""

    model: str
    """Name of a splitter or of a large model; it may be a small one."""

    prompt: Filled | None = None
    """File of the prompt, below the file's folder; only with a large model, which needs one."""

    max_steps: int = Field(default=MOST_STEPS, ge=1, le=MOST_STEPS)
    """Most steps of a plan; a question whose plan has more stays whole."""


class SynthesiseSpec(Model):
    """A large model answers a question from the answers to its steps."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["synthesise"]
    """The kind of stage."""

    model: str
    """Name of a large model."""

    prompt: Filled
    """File of the prompt, below the file's folder."""

    of: str
    """Name of the for_each stage directly before."""


class AdviseSpec(Model):
    """A large model looks at a text from several perspectives, and says what it sees."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["advise"]
    """The kind of stage."""

    model: str
    """Name of a large model."""

    perspectives: Mapping[Name, Filled] = Field(min_length=1, max_length=MAX_PERSPECTIVES)
    """File of the prompt, below the file's folder, of each perspective by its name."""

    evidence: str | None = None
    """Name of an earlier retrieve stage whose cases are told to people beside the advice; the model
    does not see them."""


class WeighSpec(Model):
    """A small network decides how far to trust each piece of advice, and gives the answer."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["weigh"]
    """The kind of stage."""

    of: str
    """Name of the advise stage directly before."""


class VerifySpec(Model):
    """A large model decides; of a step, whether its passages support the answer that was read."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["verify"]
    """The kind of stage."""

    model: str
    """Name of a large model."""

    prompt: Filled
    """File of the prompt, below the file's folder."""

    evidence: str | None = None
    """Name of an earlier retrieve stage whose cases, or passages, the model is shown."""

    widen: int | None = Field(default=None, ge=1, le=10)
    """How many times the passages are searched for where the answer is not supported; only in a
    for_each of steps, and 3 when absent."""


class RerankSpec(Model):
    """A large model scores the candidates of each column that the gate sends on."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["rerank"]
    """The kind of stage."""

    model: str
    """Name of a large model."""

    prompt: Filled
    """File of the prompt, below the file's folder."""

    of: str
    """Name of the earlier retrieve stage whose candidates are scored."""

    items_per_prompt: int = Field(default=4, ge=1, le=10)
    """Most columns in one prompt, as far as they fit."""


Retrieving = RetrieveSpec | CandidatesSpec | CorpusSpec
UnitStage = (
    ClassifySpec
    | GateSpec
    | Retrieving
    | ReadSpec
    | DecomposeSpec
    | VerifySpec
    | RerankSpec
    | SynthesiseSpec
    | AdviseSpec
)
UnitStageSpec = Annotated[
    ClassifySpec
    | GateSpec
    | Annotated[Retrieving, Field(discriminator="index")]
    | ReadSpec
    | DecomposeSpec
    | VerifySpec
    | RerankSpec
    | SynthesiseSpec
    | AdviseSpec,
    Field(discriminator="kind"),
]
"""A stage that a record, or one part of what it fans out to, passes by itself."""
AnsweringSpec = ClassifySpec | CandidatesSpec | ReadSpec
DecidingSpec = VerifySpec | RerankSpec | SynthesiseSpec | AdviseSpec


class ForEachSpec(Model):
    """Runs a flow over what each record fans out to: columns of a table, steps of a plan."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["for_each"]
    """The kind of stage."""

    of: Name | None = None
    """Name of an earlier decompose stage, whose steps it runs over, each when the steps that it
    refers to are answered; only for `answer_questions`, which needs it."""

    flow: tuple[UnitStageSpec, ...] = Field(min_length=1, max_length=MAX_STAGES)
    """The stages in the order in which each part passes them."""


class AssignSpec(Model):
    """Chooses one-to-one pairs out of the candidates of all columns of a table."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["assign"]
    """The kind of stage."""

    of: str
    """Name of the for_each stage directly before."""

    unmatched_price: float = Field(default=UNMATCHED_PRICE, gt=0, lt=1)
    """What leaving a column unmatched is worth, as a probability: a pair that is less likely to
    be right is not proposed."""


_JOINING = ForEachSpec | AssignSpec | WeighSpec
"""Stages that make one of what another stage parted or gathered; they run with it."""
StageSpec = Annotated[
    UnitStageSpec | ForEachSpec | AssignSpec | WeighSpec, Field(discriminator="kind")
]


class CascadeSpec(Model):
    """The cascade itself."""

    domain: Literal["logs", "schemas", "questions", "news"]
    """What the records are: `logs`, `schemas`, which are tables and their columns, `questions`, or
    `news`, which are short texts."""

    task: TaskSpec
    """The question and its possible answers."""

    artifact: Filled
    """The fitted directory that `headgate fit` writes: a path from the file's folder, or any
    fsspec URL."""

    models: Mapping[Name, ModelSpec] = Field(min_length=1, max_length=MAX_MODELS)
    """The models by name; each is used by a stage."""

    flow: tuple[StageSpec, ...] = Field(min_length=1, max_length=MAX_STAGES)
    """The stages in the order in which records pass them."""

    deferral: DeferralSpec = DeferralSpec()
    """When a record goes on to the next tier."""

    @property
    def for_each(self) -> ForEachSpec | None:
        """Return the stage that fans records out, if there is one."""
        return next((stage for stage in self.flow if isinstance(stage, ForEachSpec)), None)

    @property
    def unit_flow(self) -> tuple[UnitStage, ...]:
        """Return the stages that one unit passes: a record, or a part of what it fans out to."""
        fan_out = self.for_each
        if fan_out is not None and fan_out.of is None:
            return fan_out.flow
        return tuple(each for each in self.flow if not isinstance(each, _JOINING))

    @property
    def step_flow(self) -> tuple[UnitStage, ...]:
        """Return the stages that one step of a plan passes; none where nothing is planned."""
        fan_out = self.for_each
        return fan_out.flow if fan_out is not None and fan_out.of is not None else ()

    @property
    def weighing(self) -> WeighSpec | None:
        """Return the stage that weighs advice, if there is one."""
        return next((stage for stage in self.flow if isinstance(stage, WeighSpec)), None)

    @property
    def answering(self) -> list[AnsweringSpec]:
        """Return the stages of small models that answer, in order."""
        return [each for each in self.unit_flow if isinstance(each, AnsweringSpec)]

    @property
    def deciding(self) -> DecidingSpec | None:
        """Return the stage that asks the large model; None in a cascade of small models."""
        return next((each for each in self.unit_flow if isinstance(each, DecidingSpec)), None)

    def model_of(self, stage: AnsweringSpec) -> str:
        """Return the name of the small model that answers at `stage`."""
        return self.encoder_of(stage) if isinstance(stage, CandidatesSpec) else stage.model

    def encoder_of(self, stage: SearchSpec) -> str:
        """Return the name of the encoder that embeds the records of `stage`."""
        encoders = (name for name, model in self.models.items() if model.kind == "encoder")
        return stage.model or next(encoders)


class CascadeFile(Model):
    """A cascade file: a header like Kubernetes', then the cascade."""

    api_version: Literal["headgate/v1"] = Field(alias="apiVersion")
    """The version of this format."""

    kind: Literal["Cascade"]
    """What the file describes."""

    metadata: Metadata
    """Which cascade this is."""

    spec: CascadeSpec
    """The cascade itself."""
