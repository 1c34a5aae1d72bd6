"""What a cascade file may say: the one source of keys, types, limits and defaults.

plain values of the YAML  ->  CascadeFile(metadata, spec: CascadeSpec), frozen

Rules between keys (references, order of the flow) are in `rules`, where positions are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from headgate.cascade.deferral import DeferralSpec
from headgate.cascade.strict import (
    SOURCE_PATTERN,
    Filled,
    Label,
    Model,
    Name,
    SecretSpec,
    custom_error,
)

MAX_MODELS = 32
MAX_STAGES = 32

Operation = Literal["match_description", "level", "module", "classify_lines", "rank_causes"]


class Metadata(Model):
    """Which cascade this is."""

    name: Name
    """The name callers use."""

    description: str | None = None
    """One sentence for people."""


class TaskSpec(Model):
    """The question that is asked about each record, and the answers it may get."""

    operation: Operation
    """What is decided. `match_description`: does the description fit the line, with exactly two
    labels, first "no match", then "match". `level`, `module`, `classify_lines`: which of 2 to 200
    labels the line has. `rank_causes`: which of the record's own candidates is the cause, without
    labels."""

    labels: tuple[Label, ...] = Field(default=(), max_length=200)
    """The answer set; each label once."""


class BatchSpec(Model):
    """How records are gathered for one call of a small model."""

    max_size: int = Field(default=64, ge=1, le=1024)
    """Most records in one call."""

    max_wait_ms: float = Field(default=4.0, ge=0, le=1000)
    """Longest wait for a batch to fill, in milliseconds."""


class ResourcesSpec(Model):
    """What Ray reserves for one replica."""

    cpu: float = Field(default=1.0, gt=0)
    """Processor cores."""

    gpu: float = Field(default=0.0, ge=0)
    """GPUs; a fraction shares one."""

    memory_mb: int | None = Field(default=None, ge=1)
    """Memory in megabytes; nothing is reserved when absent."""


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

    replicas: int = Field(default=1, ge=1, le=64)
    """How many replicas; only with `placement: deployment`."""

    resources: ResourcesSpec = ResourcesSpec()
    """What one replica reserves; only with `placement: deployment`."""


class NgramsSpec(Model):
    """A linear model on hashed character n-grams: the cheapest tier."""

    kind: Literal["ngrams"]
    """The kind of model."""

    buckets: int = Field(default=2**18, ge=2**10, le=2**22)
    """How many buckets the n-grams are hashed into."""


class PriceSpec(Model):
    """What the large model costs."""

    input_usd_per_million: float = Field(ge=0)
    """US dollars for a million input tokens."""

    output_usd_per_million: float = Field(ge=0)
    """US dollars for a million output tokens."""


class LmSpec(Model):
    """What every large model has, whichever engine runs it."""

    kind: Literal["lm"]
    """The kind of model."""

    max_concurrency: int = Field(default=32, ge=1, le=1024)
    """Most calls under way at once."""

    price: PriceSpec | None = None
    """For the cost of each answer; without it no cost is reported."""

    cache_entries: int = Field(default=10_000, ge=0, le=1_000_000)
    """Answers kept for equal questions; 0 keeps none."""


class OpenAiSpec(LmSpec):
    """A large model behind an OpenAI-compatible endpoint."""

    engine: Literal["openai"]
    """What runs the model."""

    model: Filled
    """The name the endpoint knows the model by."""

    base_url: str | None = None
    """The endpoint's http or https address; when absent, `OPENAI_BASE_URL` of the environment."""

    api_key: SecretSpec | None = None
    """Where the key is read from; never the key itself."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Longest time for one call, in seconds."""

    max_output_tokens: int = Field(default=512, ge=1, le=8192)
    """Most tokens in one answer."""

    @field_validator("api_key", mode="before")
    @classmethod
    def _never_a_literal(cls, value: object) -> object:
        if isinstance(value, str):
            raise custom_error(
                "a key is written into the file",
                "Write {env: NAME} or {file: PATH}, and replace the key if others have seen it.",
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _plain_http(cls, value: str | None) -> str | None:
        if value is not None and not _is_plain_http(value):
            # The value is not shown: it may hold a password.
            raise custom_error(
                "expected an http or https address without user, query or fragment",
                "Write it like http://host:8000/v1, and give a key as api_key.",
            )
        return value


def _is_plain_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    extras = parts.username or parts.password or parts.query or parts.fragment
    plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not extras
    return plain and port_is_a_number and not any(char.isspace() for char in url)


class ReplaySpec(LmSpec):
    """Recorded answers of a large model, for tests, demonstrations and evaluation."""

    engine: Literal["replay"]
    """What runs the model."""

    recordings: Filled
    """File of recorded answers; a relative path starts at the file's folder."""

    model: Filled | None = None
    """Whose answers were recorded: the name that the ledger and messages show."""


ModelSpec = Annotated[
    EncoderSpec | NgramsSpec | Annotated[OpenAiSpec | ReplaySpec, Field(discriminator="engine")],
    Field(discriminator="kind"),
]


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
    """Name of the classify stage directly before."""


class RetrieveSpec(Model):
    """Finds similar past cases for a later verify stage."""

    name: Name
    """The stage's name, once in the flow."""

    kind: Literal["retrieve"]
    """The kind of stage."""

    index: Literal["error_cases"]
    """What is searched: the past cases on which the small model was wrong."""

    top_k: int = Field(default=5, ge=1, le=100)
    """How many cases are found for each record."""

    model: str | None = None
    """Name of the encoder that embeds the record; the only encoder when absent."""


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


StageSpec = Annotated[
    ClassifySpec | GateSpec | RetrieveSpec | VerifySpec, Field(discriminator="kind")
]


class CascadeSpec(Model):
    """The cascade itself."""

    domain: Literal["logs"]
    """What the records are."""

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

    def encoder_of(self, stage: RetrieveSpec) -> str:
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
