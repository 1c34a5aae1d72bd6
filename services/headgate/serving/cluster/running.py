"""What a cluster runs, read from what Serve tells of itself.

Serve's details -> Running: applications as they were put, their states, the options of Serve

Ours are the application `headgate` and those whose names begin with `headgate-`. All others are
somebody else's: they are put back as they came, since Serve deletes what a body leaves out.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headgate.errors import InputError
from headgate.serving.cluster.body import GATEWAY_APP, JsonObject, Part, name_of
from headgate.serving.cluster.changes import is_ours
from headgate.serving.cluster.settings import GatewaySettings

_SERVE_OPTIONS = ("proxy_location", "http_options", "grpc_options", "target_capacity")
"""What a body says of Serve as a whole; fixed while it runs, and told as it is."""


@dataclass(frozen=True, slots=True)
class Running:
    """One look at a cluster."""

    details: JsonObject
    """As Serve's REST API gave them."""

    @property
    def serve_runs(self) -> bool:
        """Return whether Serve has been started."""
        return bool(self.details.get("proxy_location"))

    @property
    def serve_options(self) -> JsonObject:
        """Return the options that Serve runs with; empty when it does not run."""
        told = {name: self.details.get(name) for name in _SERVE_OPTIONS}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def ours(self) -> list[JsonObject]:
        """Return Headgate's applications as they were put, the gateway first."""
        return [app for name, app in sorted(self._put().items()) if is_ours(name)]

    @property
    def foreign(self) -> list[JsonObject]:
        """Return everybody else's applications that came by a PUT; no PUT ends the other ones."""
        return [app for name, app in self._put().items() if not is_ours(name)]

    @property
    def gateway(self) -> JsonObject | None:
        """Return the gateway's application."""
        return self._put().get(GATEWAY_APP)

    @property
    def settings(self) -> GatewaySettings | None:
        """Return how gateways run."""
        return None if self.gateway is None else GatewaySettings.of(self.gateway)

    @property
    def previous(self) -> list[JsonObject] | None:
        """Return our applications as they were before the last change; None when nobody knows."""
        return user_config(self.gateway).get("previous")

    @property
    def parts(self) -> list[Part]:
        """Return what each cascade that is served brings.

        Raises:
            InputError: The gateway was configured by something else.
        """
        return parts_of(self.ours)

    def states(self) -> dict[str, str]:
        """Return Serve's word for the state of each application of ours."""
        return {
            name: str(app.get("status"))
            for name, app in self.details["applications"].items()
            if is_ours(name)
        }

    def replicas(self, application: str) -> list[JsonObject]:
        """Return the replicas of all deployments of an application."""
        found = self.details["applications"].get(application, {}).get("deployments", {})
        return [each for deployment in found.values() for each in deployment.get("replicas", ())]

    def gateway_addresses(self) -> list[str]:
        """Return where the gateways may be called from here, one address a node."""
        settings = self.settings
        if settings is None:
            return []
        running = [each for each in self.replicas(GATEWAY_APP) if each.get("state") == "RUNNING"]
        nodes = sorted({str(each["node_ip"]) for each in running if each.get("node_ip")})
        host, _, port = settings.address.rpartition(":")
        if _is(host, "is_loopback"):
            # On another machine, that address is somebody else's.
            return [settings.address] if any(map(_is_here, nodes)) else []
        if not _is(host, "is_unspecified"):
            return [settings.address]
        return [f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in nodes]

    def _put(self) -> dict[str, JsonObject]:
        applications = self.details["applications"].items()
        put = {name: app.get("deployed_app_config") for name, app in applications}
        return {name: app for name, app in put.items() if app is not None}


def parts_of(applications: Sequence[JsonObject]) -> list[Part]:
    """Return what each cascade of a gateway's configuration brings; nothing without a gateway.

    Raises:
        InputError: The gateway was configured by something else.
    """
    by_name = {app["name"]: app for app in applications}
    if GATEWAY_APP not in by_name:
        return []
    config = user_config(by_name[GATEWAY_APP])
    try:
        return [
            Part(
                cascade,
                str(config["artifacts"][name_of(cascade)]),
                _models(config["models"][name_of(cascade)], by_name),
            )
            for cascade in config["cascades"]
        ]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"application {GATEWAY_APP!r}",
            "it was not deployed by this version of Headgate",
            "End it with: headgate undeploy --all, and deploy all cascades again.",
        ) from error


def _models(
    arguments: Mapping[str, JsonObject], running: Mapping[str, JsonObject]
) -> tuple[JsonObject, ...]:
    """Return the applications of a cascade's models, each with the cascade's own arguments."""
    return tuple(
        {**running[name], "args": args} for name, args in arguments.items() if name in running
    )


def user_config(gateway: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what the gateways are configured with; empty when it is none of ours."""
    match gateway:
        case {"deployments": [{"user_config": dict(found)}, *_]}:
            return found
    return {}


def _is(host: str, property_: Literal["is_loopback", "is_unspecified"]) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host.strip("[]")), property_))
    except ValueError:  # a name, not an address
        return property_ == "is_loopback" and host == "localhost"


def _is_here(address: str) -> bool:
    """Return whether an address is one of this machine's: only then a socket may have it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
