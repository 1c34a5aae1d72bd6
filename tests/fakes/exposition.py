"""What a scraper reads of a gateway.

Host -> text of the exposition format -> value by name and labels
"""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from headgate.serving.host import Host
from headgate.serving.metrics import HostCollector


def samples_in(text: str) -> dict[str, float]:
    """Return the values of an exposition by name and labels, as in `name{label="value"}`."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def names_in(samples: dict[str, float]) -> set[str]:
    """Return the names of samples without their labels."""
    return {name.partition("{")[0] for name in samples}


def text_of(collector: Collector) -> str:
    """Return what a scrape of a collector would read."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def exposed(host: Host) -> dict[str, float]:
    """Return what a scrape of the host would read."""
    return samples_in(text_of(HostCollector(host)))


def told_by(metrics: Iterator[Metric]) -> dict[str, float]:
    """Return the values of metrics, without times of creation and without zeros."""
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for metric in metrics
        for sample in metric.samples
        if sample.value and not sample.name.endswith(("_created", "_bucket", "_sum"))
    }


def scrape(address: str) -> str:
    """Return what a real scrape reads."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        if not reply.headers["Content-Type"].startswith("text/plain"):
            raise ValueError("no text")
        return str(reply.read().decode())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
