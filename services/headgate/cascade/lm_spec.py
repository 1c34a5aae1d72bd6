"""What a cascade file may say of a large model: the engine that runs it, its limits and its price.

models of kind `lm` in the YAML  ->  one spec by engine, frozen
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from headgate.cascade.placement_spec import LmReplicasSpec, LmScalingSpec, ResourcesSpec
from headgate.cascade.strict import SOURCE_PATTERN, Filled, Model, SecretSpec, custom_error


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


class TransformersSpec(LmSpec):
    """A large model whose weights are here, run by the transformers library."""

    engine: Literal["transformers"]
    """What runs the model."""

    source: str = Field(pattern=SOURCE_PATTERN)
    """Where the weights are: a directory that starts with `/`, `./` or `../` (from the file's
    folder), or a hub id `org/name`."""

    revision: Filled | None = None
    """The revision on the hub; only with a hub id."""

    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """The arithmetic of the weights."""

    placement: Literal["inline", "deployment"] = "deployment"
    """`deployment`: in replicas of its own. `inline`: in the gateway's process."""

    timeout_s: float = Field(default=120.0, gt=0, le=600)
    """Longest time for one call, in seconds."""

    max_output_tokens: int = Field(default=512, ge=1, le=8192)
    """Most tokens in one answer."""

    replicas: LmReplicasSpec = LmReplicasSpec()
    """How many replicas; only with `placement: deployment`."""

    resources: ResourcesSpec = ResourcesSpec()
    """What one replica reserves; only with `placement: deployment`."""

    scaling: LmScalingSpec = LmScalingSpec()
    """When replicas come and go; only with `placement: deployment`."""


class RayLlmSpec(LmSpec):
    """A large model that Ray Serve LLM runs with vLLM on GPUs of the same cluster."""

    engine: Literal["ray_llm"]
    """What runs the model."""

    model: Filled
    """A hub id `org/name`, or an absolute directory that every GPU node has."""

    accelerator: Filled | None = None
    """The kind of GPU that its nodes must have, as Ray names it, such as `L4`."""

    gpus: int = Field(default=1, ge=1, le=64)
    """GPUs of one replica; the weights are split over them."""

    context_tokens: int | None = Field(default=None, ge=256, le=2**20)
    """Most tokens of a prompt and its answer; the model's own limit when absent."""

    timeout_s: float = Field(default=120.0, gt=0, le=600)
    """Longest time for one call, in seconds."""

    max_output_tokens: int = Field(default=512, ge=1, le=8192)
    """Most tokens in one answer."""

    replicas: LmReplicasSpec = LmReplicasSpec()
    """How many replicas."""

    scaling: LmScalingSpec = LmScalingSpec()
    """When replicas come and go."""


class ReplaySpec(LmSpec):
    """Recorded answers of a large model, for tests, demonstrations and evaluation."""

    engine: Literal["replay"]
    """What runs the model."""

    recordings: Filled
    """File of recorded answers; a relative path starts at the file's folder."""

    model: Filled | None = None
    """Whose answers were recorded: the name that the ledger and messages show."""


LargeModelSpec = OpenAiSpec | TransformersSpec | RayLlmSpec | ReplaySpec
"""Any of the engines."""
