"""Opens the large models that a cascade names.

LargeModelSpec, environment -> engine -> LargeModel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from headgate.cascade.lm_spec import (
    LargeModelSpec,
    LmSpec,
    OpenAiSpec,
    RayLlmSpec,
    ReplaySpec,
    TransformersSpec,
)
from headgate.cascade.load import LoadedCascade
from headgate.cascade.strict import SecretSpec
from headgate.errors import InputError, LmRefusedError
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.openai_engine import OpenAiEngine
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import Engine
from headgate.lm.transformers_engine import TransformersEngine

DEFAULT_BASE_URL = "https://api.openai.com/v1"
RAY_LLM_URL = "HEADGATE_RAY_LLM_URL"
"""The variable that tells, outside of the cluster, where a model of engine `ray_llm` answers."""

_UNLIMITED = 2**31

Around = Callable[[Engine, Price], Engine]
"""Puts something before an engine, such as a journal; it is told what a call costs."""


def unchanged(engine: Engine, price: Price) -> Engine:
    """Return the engine itself: nothing stands before it."""
    del price
    return engine


def lm_specs(loaded: LoadedCascade) -> dict[str, LargeModelSpec]:
    """Return the large models of a cascade by name, whichever engine runs them."""
    models = loaded.spec.models.items()
    return {name: model for name, model in models if isinstance(model, LmSpec)}


def place_of(loaded: LoadedCascade, name: str) -> str:
    """Return where a large model's files are, recordings or weights; empty where it has none."""
    return loaded.recordings.get(name) or loaded.sources.get(name, "")


def open_large_model(
    spec: LargeModelSpec,
    place: str,
    environment: Mapping[str, str],
    *,
    around: Around = unchanged,
) -> LargeModel:
    """Return the model, ready to be asked by this process; nothing is sent or loaded yet.

    Args:
        spec: The model of the cascade file; where it is placed makes no difference.
        place: What `place_of` returns; for `replay` and `transformers`.
        environment: Where keys and addresses are looked up.
        around: What stands before the engine.

    Raises:
        LmRefusedError: The key is not where the file says.
        InputError: Recordings or address are wrong.
        ModelError: A directory holds no large model.
    """
    return wrap_engine(spec, _engine(spec, place, environment), around=around)


def wrap_engine(
    spec: LargeModelSpec, engine: Engine, *, around: Around = unchanged, limited: bool = False
) -> LargeModel:
    """Return the large model around an engine, with the limits and the price of the file.

    Args:
        spec: The model of the cascade file.
        engine: Who answers.
        around: What stands before the engine.
        limited: Whether the engine keeps to `max_concurrency` and `timeout_s` by itself.
    """
    timeout_s = None if isinstance(spec, ReplaySpec) else spec.timeout_s
    price = _price(spec)
    return LargeModel(
        around(engine, price),
        timeout_s=None if limited else timeout_s,
        price=price,
        max_concurrency=_UNLIMITED if limited else spec.max_concurrency,
        cache_entries=spec.cache_entries,
        max_output_tokens=_longest_answer(spec, engine),
    )


def ray_llm_engine(spec: RayLlmSpec, base_url: str) -> OpenAiEngine:
    """Return the client of a model that Ray Serve LLM runs.

    Args:
        spec: The model of the cascade file.
        base_url: Where it runs, up to and including `/v1`.

    Raises:
        InputError: That is no http(s) address.
    """
    return OpenAiEngine(spec.model, base_url=base_url, max_tokens=spec.max_output_tokens)


def _engine(spec: LargeModelSpec, place: str, environment: Mapping[str, str]) -> Engine:
    match spec:
        case ReplaySpec():
            return ReplayEngine.load(Path(place), spec.model or "replay")
        case TransformersSpec():
            return transformers_engine(spec, place)
        case RayLlmSpec():
            return ray_llm_engine(spec, _ray_llm_url(spec, environment))
        case OpenAiSpec():
            return OpenAiEngine(
                spec.model,
                base_url=spec.base_url or environment.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL,
                api_key=read_secret(spec.api_key, environment),
                max_tokens=spec.max_output_tokens,
            )


def transformers_engine(spec: TransformersSpec, source: str) -> TransformersEngine:
    """Return the engine of weights in this process; they are loaded before the first answer.

    Raises:
        ModelError: A directory holds no large model.
    """
    return TransformersEngine(
        spec.source,
        source,
        revision=spec.revision,
        precision=spec.precision,
        max_tokens=spec.max_output_tokens,
    )


def _ray_llm_url(spec: RayLlmSpec, environment: Mapping[str, str]) -> str:
    url = environment.get(RAY_LLM_URL, "")
    if not url:
        raise InputError(
            f"large model {spec.model!r}",
            "it runs in a cluster, which this process is not part of",
            f"Set {RAY_LLM_URL} to an address that serves it, such as http://host:8000/llm/KEY/v1.",
        )
    return url


def _longest_answer(spec: LargeModelSpec, engine: Engine) -> int:
    if isinstance(spec, ReplaySpec):
        return int(getattr(engine, "max_output_tokens", 0))
    return spec.max_output_tokens


def _price(spec: LmSpec) -> Price:
    if spec.price is None:
        return Price()
    return Price(spec.price.input_usd_per_million, spec.price.output_usd_per_million)


def read_secret(secret: SecretSpec | None, environment: Mapping[str, str]) -> str:
    """Return a secret, or nothing where the file names none.

    Raises:
        LmRefusedError: It is not where the file says.
    """
    if secret is None:
        return ""
    if secret.env is not None:
        value = environment.get(secret.env, "")
        place = f"environment variable {secret.env}"
    else:
        place = f"file {secret.file}"
        try:
            value = Path(str(secret.file)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            value = ""
    if not value.strip():
        raise LmRefusedError(place, "it holds no key", "Set it, or name no key in the file.")
    return value.strip()
