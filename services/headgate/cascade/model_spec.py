"""What a cascade file may say of its models: small ones, and large ones behind an engine.

spec.models of the YAML  ->  ModelSpec by name, frozen
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from headgate.cascade.strict import (
    SOURCE_PATTERN,
    Filled,
    Model,
    SecretSpec,
    custom_error,
)


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

    replicas: int = Field(default=1, ge=1, le=64)
    """How many replicas; only with `placement: deployment`."""

    resources: ResourcesSpec = ResourcesSpec()
    """What one replica reserves; only with `placement: deployment`."""

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
    EncoderSpec
    | NgramsSpec
    | SplitterSpec
    | Annotated[OpenAiSpec | ReplaySpec, Field(discriminator="engine")],
    Field(discriminator="kind"),
]
