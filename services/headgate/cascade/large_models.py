"""Opens the large models that a cascade names.

OpenAiSpec | ReplaySpec, environment -> engine -> LargeModel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from headgate.cascade.lm_spec import LmSpec, OpenAiSpec, ReplaySpec
from headgate.cascade.strict import SecretSpec
from headgate.errors import LmRefusedError
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.openai_engine import OpenAiEngine
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import Engine

DEFAULT_BASE_URL = "https://api.openai.com/v1"

Around = Callable[[Engine, Price], Engine]
"""Puts something before an engine, such as a journal; it is told what a call costs."""


def unchanged(engine: Engine, price: Price) -> Engine:
    """Return the engine itself: nothing stands before it."""
    del price
    return engine


def open_large_model(
    spec: OpenAiSpec | ReplaySpec,
    recordings: str,
    environment: Mapping[str, str],
    *,
    around: Around = unchanged,
) -> LargeModel:
    """Return the model, ready to be asked; nothing is sent yet.

    Args:
        spec: The model of the cascade file.
        recordings: Absolute path of the recorded answers; for `replay`.
        environment: Where keys and OPENAI_BASE_URL are looked up.
        around: What stands before the engine.

    Raises:
        LmRefusedError: The key is not where the file says.
        InputError: Recordings or address are wrong.
    """
    engine: Engine
    if isinstance(spec, ReplaySpec):
        engine = ReplayEngine.load(Path(recordings), spec.model or "replay")
        max_output_tokens = engine.max_output_tokens
    else:
        max_output_tokens = spec.max_output_tokens
        engine = OpenAiEngine(
            spec.model,
            base_url=spec.base_url or environment.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL,
            api_key=read_secret(spec.api_key, environment),
            max_tokens=spec.max_output_tokens,
        )
    price = _price(spec)
    return LargeModel(
        around(engine, price),
        timeout_s=spec.timeout_s if isinstance(spec, OpenAiSpec) else None,
        price=price,
        max_concurrency=spec.max_concurrency,
        cache_entries=spec.cache_entries,
        max_output_tokens=max_output_tokens,
    )


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
