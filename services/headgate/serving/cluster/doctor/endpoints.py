"""Do the endpoints of large models answer, know our key, and have the model?

OpenAiSpec, environment -> GET {base_url}/models -> [Finding]

The key goes to its endpoint only: redirects and proxies are not followed. It is never shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import httpx2

from headgate.artifact.remote import shown
from headgate.cascade.large_models import DEFAULT_BASE_URL, read_secret
from headgate.cascade.lm_spec import OpenAiSpec
from headgate.cascade.load import LoadedCascade
from headgate.cascade.strict import SecretSpec
from headgate.errors import LmRefusedError
from headgate.lm.openai_engine import OpenAiEngine
from headgate.lm.transport import MAX_REPLY_BYTES
from headgate.serving.cluster.doctor.file_modes import secret_file_mode
from headgate.serving.cluster.doctor.finding import Finding, Level

TIMEOUT_S = 5.0


def endpoints(
    loaded: LoadedCascade, environment: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
) -> list[Finding]:
    """Return what is wrong with each endpoint that a cascade names.

    Args:
        loaded: The cascade.
        environment: Where keys and OPENAI_BASE_URL are looked up.
        timeout_s: Longest wait for one endpoint.

    Raises:
        InputError: OPENAI_BASE_URL of the environment is no address for an endpoint.
    """
    models = loaded.spec.models.items()
    named = [(name, spec) for name, spec in models if isinstance(spec, OpenAiSpec)]
    return [finding for name, spec in named for finding in _of(name, spec, environment, timeout_s)]


def _of(
    name: str, spec: OpenAiSpec, environment: Mapping[str, str], timeout_s: float
) -> list[Finding]:
    found = _key_file(spec.api_key)
    try:
        key = read_secret(spec.api_key, environment)
    except LmRefusedError as error:
        what = f"model {name!r} has no key: {error.place} holds none"
        return [*found, Finding(Level.ERROR, what, _where_to_write(spec.api_key))]
    url = spec.base_url or environment.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    # The engine refuses what no key may be sent to, such as a cloud's metadata address.
    OpenAiEngine(spec.model, base_url=url)
    return [*found, _asked(name, spec, _Endpoint(url.rstrip("/"), key, timeout_s))]


def _key_file(secret: SecretSpec | None) -> list[Finding]:
    return secret_file_mode(Path(secret.file)) if secret and secret.file else []


def _where_to_write(secret: SecretSpec | None) -> str:
    if secret is not None and secret.env is not None:
        return f"export {secret.env}=... where the gateways are started"
    file = secret.file if secret is not None else ""
    return f"Write the key into {file} and run: chmod 600 {file}"


class _Endpoint:
    """One address, with the key that it is to know."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_s = timeout_s

    def models(self) -> tuple[int, bytes]:
        """Return status and body of the list of models, which may be cut off.

        Raises:
            httpx2.HTTPError: Nobody answers in time.
        """
        with (
            httpx2.Client(trust_env=False, follow_redirects=False) as client,
            client.stream(
                "GET", f"{self.url}/models", headers=self._headers, timeout=self._timeout_s
            ) as response,
        ):
            body = b""
            for part in response.iter_raw():
                body += part
                if len(body) > MAX_REPLY_BYTES:
                    break
            return response.status_code, body


def _asked(name: str, spec: OpenAiSpec, endpoint: _Endpoint) -> Finding:
    place = f"the endpoint of model {name!r}, {shown(endpoint.url)},"
    try:
        status, body = endpoint.models()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        what = f"{place} cannot be reached ({type(error).__name__})"
        return Finding(Level.ERROR, what, "Start it, or correct base_url in the cascade file.")
    if status == 200:
        return _listed(place, spec, endpoint, body)
    return _refused(place, spec, status)


def _refused(place: str, spec: OpenAiSpec, status: int) -> Finding:
    """Return what a status says that brings no list of models."""
    if status in (401, 403):
        mend = _where_to_write(spec.api_key) if spec.api_key else "Name one: api_key: {env: NAME}"
        return Finding(Level.ERROR, f"{place} refuses the key ({status})", mend)
    if 300 <= status < 400:
        what = f"{place} redirects ({status}), which is never followed"
        return Finding(Level.ERROR, what, "Write the address it redirects to as base_url.")
    if status >= 500:
        return Finding(Level.ERROR, f"{place} fails ({status})", "See its log.")
    return Finding(Level.NOTE, f"{place} answers, without a list of models ({status})")


def _listed(place: str, spec: OpenAiSpec, endpoint: _Endpoint, body: bytes) -> Finding:
    names = _names(body)
    if names is None:
        return Finding(Level.NOTE, f"{place} answers, and its list of models cannot be read")
    if spec.model not in names:
        what = f"{place} does not list {spec.model!r}"
        return Finding(
            Level.WARNING, what, f"See: curl {shown(endpoint.url)}/models; correct `model`."
        )
    return Finding(Level.OK, f"{place} has {spec.model!r}")


def _names(body: bytes) -> set[str] | None:
    """Return the names in a list of models; None when it is none."""
    try:
        match json.loads(body):
            case {"data": [*models]}:
                return {
                    str(each["id"]) for each in models if isinstance(each, dict) and "id" in each
                }
    except (ValueError, RecursionError):
        pass
    return None
