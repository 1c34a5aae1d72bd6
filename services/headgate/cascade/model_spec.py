"""What a cascade file may say of its models: small ones, and large ones behind an engine.

spec.models of the YAML  ->  ModelSpec by name, frozen
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from headgate.cascade.lm_spec import OpenAiSpec, RayLlmSpec, ReplaySpec, TransformersSpec
from headgate.cascade.placement_spec import EncoderScalingSpec, ReplicasSpec, ResourcesSpec
from headgate.cascade.strict import SOURCE_PATTERN, Filled, Model


class BatchSpec(Model):
    """How records are gathered for one call of a small model."""

    max_size: int = Field(default=64, ge=1, le=1024)
    """Most records in one call."""

    max_wait_ms: float = Field(default=4.0, ge=0, le=1000)
    """Longest wait for a batch to fill, in milliseconds."""


class TuningSpec(Model):
    """Contrastive training of an encoder on the columns of target tables; it reads no labels."""

    augmentation: Filled
    """File of other names and values for target columns, as a large model wrote them: JSON Lines
    of `column`, `names` and `values`; a relative path starts at the file's folder."""


class EncoderSpec(Model):
    """A small transformer that turns text into vectors, with a fitted head on top."""

    kind: Literal["encoder"]
    """The kind of model."""

    source: str = Field(default="embedded", pattern=SOURCE_PATTERN)
    """Where the weights are: `embedded` (the encoder that is installed with Headgate), a directory
    that starts with `/`, `./` or `../` (from the file's folder), or a hub id `org/name`."""

    revision: Filled | None = None
    """The revision on the hub; only with a hub id."""

    precision: Literal["int8", "float32"] = "int8"
    """The arithmetic of the weights."""

    placement: Literal["inline", "deployment"] = "inline"
    """`inline`: in the gateway's process. `deployment`: in replicas of its own."""

    batch: BatchSpec = BatchSpec()
    """How records are gathered for one call."""

    max_tokens: int = Field(default=256, ge=16, le=512)
    """Tokens read of each text; the rest is cut."""

    replicas: ReplicasSpec = ReplicasSpec()
    """How many replicas; only with `placement: deployment`."""

    resources: ResourcesSpec = ResourcesSpec()
    """What one replica reserves; only with `placement: deployment`."""

    scaling: EncoderScalingSpec = EncoderScalingSpec()
    """When replicas come and go; only with `placement: deployment`."""

    tuning: TuningSpec | None = None
    """Trains the encoder itself when the cascade is fitted; only for `match_columns`."""


class NgramsSpec(Model):
    """A linear model on hashed character n-grams: the cheapest tier."""

    kind: Literal["ngrams"]
    """The kind of model."""

    buckets: int = Field(default=2**18, ge=2**10, le=2**22)
    """How many buckets the n-grams are hashed into."""


class SplitterSpec(Model):
    """A small transformer that points at the part of a question that is a question of its own."""

    kind: Literal["splitter"]
    """The kind of model."""

    source: str = Field(default="embedded", pattern=SOURCE_PATTERN)
    """Where the weights of its encoder are: as an encoder's."""

    revision: Filled | None = None
    """The revision on the hub; only with a hub id."""

    decompositions: Filled
    """File of questions with their steps, which it is trained on when the cascade is fitted: JSON
    Lines of `question` and `steps`; a relative path starts at the file's folder."""


ModelSpec = Annotated[
    EncoderSpec
    | NgramsSpec
    | SplitterSpec
    | Annotated[
        OpenAiSpec | TransformersSpec | RayLlmSpec | ReplaySpec, Field(discriminator="engine")
    ],
    Field(discriminator="kind"),
]
