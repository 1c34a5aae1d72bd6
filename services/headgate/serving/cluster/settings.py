"""Where gateways listen, what they keep, and how many there are.

options of the command line, what runs -> GatewaySettings -> arguments, replicas of the application
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

PORT = 50051
"""Where gateways listen when nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What holds for all gateways, whichever cascades they serve."""

    address: str
    """`host:port` that each of them listens on; those of one node share it."""
    state_dir: str = ""
    """Of decisions and states of certificates; only cascades with audits write there."""
    metrics_address: str = ""
    """`host:port` for Prometheus; empty for none."""
    replicas: int = 1
    """How many there are, or the fewest."""
    most_replicas: int | None = None
    """The most, where their number follows the calls at work; None fixes it."""

    @property
    def arguments(self) -> dict[str, str]:
        """Return what a gateway is started with; a change restarts it."""
        return {
            "address": self.address,
            "state_dir": self.state_dir,
            "metrics_address": self.metrics_address,
        }

    @classmethod
    def of(cls, application: Mapping[str, object]) -> GatewaySettings | None:
        """Return the settings of a gateway's application; None when it is not one of ours."""
        match application:
            case {
                "args": {"address": str(address), **rest},
                "deployments": [{"name": "Gateway", **options}],
            }:
                state_dir, metrics = rest.get("state_dir", ""), rest.get("metrics_address", "")
                return cls(address, str(state_dir), str(metrics), *_replicas(options))
        return None


@dataclass(frozen=True, slots=True)
class AskedSettings:
    """What an operator says of the gateways; what is None stays as it is."""

    host: str | None = None
    port: int | None = None
    metrics_port: int | None = None
    state_dir: str | None = None
    replicas: int | None = None
    most_replicas: int | None = None
    """With more than `replicas`, their number follows the calls at work."""

    def over(self, running: GatewaySettings | None, default_host: str) -> GatewaySettings:
        """Return the settings that result.

        Args:
            running: Those of the gateways that run; None where there are none yet.
            default_host: For the first ones.
        """
        base = running or GatewaySettings(_joined(default_host, PORT))
        host, port = _split(base.address)
        host = self.host or host
        settings = replace(base, address=_joined(host, self.port or port))
        if self.metrics_port is not None:
            settings = replace(settings, metrics_address=_joined(host, self.metrics_port))
        elif self.host is not None and base.metrics_address:
            metrics = _joined(host, _split(base.metrics_address)[1])
            settings = replace(settings, metrics_address=metrics)
        if self.state_dir is not None:
            settings = replace(settings, state_dir=self.state_dir)
        return self._counted(settings)

    def _counted(self, settings: GatewaySettings) -> GatewaySettings:
        """Return the settings with the number of gateways that was asked for."""
        if self.replicas is None and self.most_replicas is None:
            return settings
        fewest = self.replicas or settings.replicas
        most = self.most_replicas if self.most_replicas is not None else 0
        return replace(settings, replicas=fewest, most_replicas=most if most > fewest else None)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _replicas(options: Mapping[Any, object]) -> tuple[int, int | None]:
    match options:
        case {"autoscaling_config": {"min_replicas": int(fewest), "max_replicas": int(most)}}:
            return fewest, most
        case {"num_replicas": int(replicas)}:
            return replicas, None
    return 1, None
