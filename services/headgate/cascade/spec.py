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
from headgate.domains.schemas.assignment import UNMATCHED_PRICE

MAX_MODELS = 32
MAX_STAGES = 32

Operation = Literal[
    "match_description",
    "level",
    "module",
    "classify_lines",
    "rank_causes",
    "label_columns",
    "match_columns",
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
    `match_columns`: which columns of two tables correspond, without labels."""

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
    """Name of the stage directly before: a classify, or a retrieve from the target."""


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


class VerifySpec(Model):
    """A large model decides."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["verify"]
    """The kind of stage."""

    model: str
    """Name of a large model."""

    prompt: Filled
    """File of the prompt, below the file's folder."""

    evidence: str | None = None
    """Name of an earlier retrieve stage whose cases the model is shown."""


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


UnitStage = ClassifySpec | GateSpec | RetrieveSpec | CandidatesSpec | VerifySpec | RerankSpec
UnitStageSpec = Annotated[
    ClassifySpec
    | GateSpec
    | Annotated[RetrieveSpec | CandidatesSpec, Field(discriminator="index")]
    | VerifySpec
    | RerankSpec,
    Field(discriminator="kind"),
]
"""A stage that a record, or one part of what it fans out to, passes by itself."""


class ForEachSpec(Model):
    """Runs a flow over what each record fans out to: the columns of its source table."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["for_each"]
    """The kind of stage."""

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


StageSpec = Annotated[UnitStageSpec | ForEachSpec | AssignSpec, Field(discriminator="kind")]


class CascadeSpec(Model):
    """The cascade itself."""

    domain: Literal["logs", "schemas"]
    """What the records are: `logs`, or `schemas`, which are tables and their columns."""

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
        if fan_out is not None:
            return fan_out.flow
        return tuple(each for each in self.flow if not isinstance(each, ForEachSpec | AssignSpec))

    @property
    def answering(self) -> list[ClassifySpec | CandidatesSpec]:
        """Return the stages of small models that answer, in order."""
        return [each for each in self.unit_flow if isinstance(each, ClassifySpec | CandidatesSpec)]

    @property
    def deciding(self) -> VerifySpec | RerankSpec | None:
        """Return the stage that asks the large model; None in a cascade of small models."""
        asking = (each for each in self.unit_flow if isinstance(each, VerifySpec | RerankSpec))
        return next(asking, None)

    def model_of(self, stage: ClassifySpec | CandidatesSpec) -> str:
        """Return the name of the small model that answers at `stage`."""
        return stage.model if isinstance(stage, ClassifySpec) else self.encoder_of(stage)

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
