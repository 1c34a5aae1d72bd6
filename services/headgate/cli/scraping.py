"""What gateways tell of themselves at one moment.

`host:port` -> GET /metrics, within seconds -> text of the exposition format -> Scrape
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from headgate.errors import InputError, UnavailableError

TIMEOUT_S = 5.0
"""For one answer as a whole."""
MOST_BYTES = 4 * 2**20
"""A gateway of ten cascades tells 100 KiB."""
BUILD = "headgate_build_info"

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, by name."""
Key: TypeAlias = tuple[str, Labels]
"""Of a sample."""

_REMEDY = "Serve metrics with `headgate serve --metrics-port`, or name another --metrics."


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one gateway told."""

    at: float
    """Seconds on `time.monotonic`."""
    samples: Mapping[Key, float]
    """In the order that they were told in."""

    def named(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and value of each sample of a name."""
        for (own, labels), value in self.samples.items():
            if own == name:
                yield dict(labels), value


def check_address(address: str) -> str:
    """Return the address.

    Raises:
        InputError: It is no `host:port`.
    """
    host, _, port = address.rpartition(":")
    if host and port.isascii() and port.isdigit() and 0 < int(port) < 2**16:
        return address
    raise InputError(f"--metrics {address!r}", "it is no HOST:PORT", "Write 127.0.0.1:9464.")


def scrape_all(addresses: Sequence[str]) -> list[Scrape | UnavailableError]:
    """Return what each gateway tells, in order, or why it tells nothing; all at once."""
    with ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(_scrape_or_say, addresses))


def _scrape_or_say(address: str) -> Scrape | UnavailableError:
    try:
        return scrape(address)
    except UnavailableError as error:
        return error


def scrape(address: str) -> Scrape:
    """Return what a gateway tells.

    Raises:
        UnavailableError: There is no answer, or it is not a gateway's.
    """
    try:
        text = _get(address)
        at = time.monotonic()
        samples = parse(text)
    except (OSError, http.client.HTTPException) as error:
        problem = f"no answer ({type(error).__name__})"
        raise UnavailableError(address, problem, _REMEDY) from error
    except ValueError as error:
        raise UnavailableError(address, "what it tells are no metrics", _REMEDY) from error
    if not any(name == BUILD for name, _ in samples):
        raise UnavailableError(address, "it is no gateway of Headgate", _REMEDY)
    return Scrape(at, samples)


def _get(address: str) -> str:
    """Return the text; no proxy and no redirect stands between.

    Raises:
        OSError: There is no answer in time.
        HTTPException: It is not HTTP.
        ValueError: It is another text than metrics.
    """
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + TIMEOUT_S
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        with connection.getresponse() as response:
            if response.status != http.HTTPStatus.OK:
                raise ValueError(f"status {response.status}")
            return _read(response, deadline).decode()
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Return the whole body; one that drips or does not end is given up."""
    data = bytearray()
    while chunk := response.read1(2**16):
        data += chunk
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(data) > MOST_BYTES:
            raise ValueError("too long")
    return bytes(data)


def parse(text: str) -> dict[Key, float]:
    """Return the samples of a text in the exposition format.

    Raises:
        ValueError: It is another text.
    """
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
