"""Any OpenAI-compatible endpoint: vLLM, Ray Serve LLM, a hosted API.

Question  ->  messages + response_format  ->  POST /chat/completions  ->  RawAnswer
"""

from __future__ import annotations

import ipaddress

import httpx2
import openai

from headgate.errors import InputError
from headgate.lm.envelope import open_envelope
from headgate.lm.failures import translate
from headgate.lm.seam import Question, RawAnswer
from headgate.lm.transport import CappedTransport
from headgate.types import Deadline

_CONNECT_TIMEOUT_S = 10.0
_GRACE_S = 1.0  # the caller's total deadline ends a call first; this is for callers without one
_NO_KEY = "none"  # the SDK insists on a key; endpoints that need none ignore it


class OpenAiEngine:
    """One model behind one OpenAI-compatible endpoint; sends each request exactly once."""

    recorded = False

    def __init__(
        self, model: str, *, base_url: str, api_key: str = "", max_tokens: int = 512
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            model: The model's name at the endpoint.
            base_url: Up to and including `/v1`. From the operator only, never from a request.
            api_key: Empty when the endpoint needs none. The environment is not asked.
            max_tokens: Longest answer, in tokens, about one record; a question about several
                records may be answered at as many times that length.

        Raises:
            InputError: `base_url` is no http(s) URL, or a link-local address.
        """
        self.name = model
        self._max_tokens = max_tokens
        key = api_key or _NO_KEY
        self._client = openai.AsyncOpenAI(
            api_key=key,
            admin_api_key="",
            organization="",
            project="",
            base_url=_checked_url(base_url),
            max_retries=0,  # there is one retry layer, in LargeModel
            default_headers={"Authorization": f"Bearer {key}"},
            http_client=httpx2.AsyncClient(
                transport=CappedTransport(), follow_redirects=False, trust_env=False
            ),
        )

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the endpoint's answer to `question`, unchecked; see `Engine.answer`."""
        timeout = httpx2.Timeout(
            max(deadline.remaining_s(), 0.0) + _GRACE_S, connect=_CONNECT_TIMEOUT_S
        )
        try:
            response = await self._client.post(
                "/chat/completions",
                cast_to=httpx2.Response,  # bytes: the SDK's own models accept what we must not
                body=self._body(question, fault),
                options={"timeout": timeout},
            )
            return open_envelope(response.content, question.weighed)
        except Exception as error:  # noqa: BLE001 - the border: whatever they raise ends here
            # Not chained: the libraries' errors hold bodies and hosts.
            raise translate(error, self.name) from None

    def _body(self, question: Question[object], fault: str) -> dict[str, object]:
        return {
            "model": self.name,
            "messages": question.messages(fault),
            "temperature": question.temperature,
            "max_tokens": self._max_tokens * len(question.record_ids),
            "response_format": question.response_format(),
            **({"logprobs": True} if question.weighed else {}),
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _checked_url(base_url: str) -> str:
    """Return `base_url`; a link-local host is where clouds hand out credentials."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise InputError("base_url", "not an http or https URL", "Write it as https://host/v1.")
    if _is_link_local(url.host):
        raise InputError("base_url", "a link-local address", "Name the endpoint's own host.")
    return base_url


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:  # a name, not an address
        return False
