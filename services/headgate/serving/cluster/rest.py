"""The REST API of Ray's dashboard: what runs, what is to run, and on which nodes.

address, token -> ClusterClient: version | applications | put | nodes; every failure is one line
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx2

from headgate.errors import InputError, UnavailableError
from headgate.serving.cluster.auth import WHERE, Token
from headgate.serving.cluster.messages import last_line

JsonObject: TypeAlias = dict[str, Any]

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
"""Where Ray's dashboard listens on the head node, unless told otherwise."""
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
"""Serve is started by the first call that needs it, which takes some ten seconds."""
OLDEST, TOO_NEW = (2, 60), (3,)
"""Versions of Ray that Headgate runs on: from the first on, and before the second."""

_APPLICATIONS = "/api/serve/applications/"
_ADDRESS = "Give that of Ray's dashboard, such as http://head:8265, with --address."


class ClusterClient:
    """Asks one cluster; made for one thread."""

    def __init__(self, address: str, token: Token | None = None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            address: `http://host:port`, `https://host:port` or `host:port`.
            token: For clusters that ask for one.

        Raises:
            InputError: The address is none of a dashboard.
        """
        self.address = dashboard_url(address)
        self._token = token
        headers = {"Authorization": f"Bearer {token.value}"} if token else {}
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._http = httpx2.Client(base_url=self.address, headers=headers, timeout=timeout)

    def __enter__(self) -> ClusterClient:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def version(self) -> str:
        """Return the cluster's version of Ray, once it is one that Headgate runs on.

        Raises:
            InputError: It is not, or what answers is no dashboard of Ray, or the token is
                missing or wrong.
            UnavailableError: Nobody answers.
        """
        found = self._json("GET", "/api/version").get("ray_version")
        numbers = re.match(r"(\d+)\.(\d+)", found) if isinstance(found, str) else None
        if numbers is None:
            raise self._no_dashboard()
        if not OLDEST <= tuple(map(int, numbers.groups())) < TOO_NEW:
            problem = f"it runs Ray {numbers.group()}, and Headgate needs 2.60 or later, below 3"
            raise InputError(self.address, problem, "Name a cluster of such a version.")
        return str(found)

    def applications(self) -> JsonObject:
        """Return Serve's details: every application, its deployments and their replicas.

        Raises:
            InputError: The token is missing or wrong.
            UnavailableError: Nobody answers, or Serve does not.
        """
        details = self._json("GET", _APPLICATIONS)
        if not isinstance(details.get("applications"), dict):
            raise self._no_dashboard()
        return details

    def put(self, body: Mapping[str, Any]) -> None:
        """Have the cluster run what a body says, and nothing else that came this way.

        Raises:
            InputError: Serve refuses the body, or the token is missing or wrong.
            UnavailableError: Nobody answers, or Serve does not.
        """
        self._request("PUT", _APPLICATIONS, body)

    def shut_down(self) -> None:
        """End Serve with all its applications.

        Raises:
            InputError: The token is missing or wrong.
            UnavailableError: Nobody answers, or Serve does not.
        """
        self._request("DELETE", _APPLICATIONS)

    def nodes(self) -> list[JsonObject]:
        """Return Ray's rows about its nodes: `state`, `resources_total`, `labels` and more.

        Raises:
            InputError: The token is missing or wrong.
            UnavailableError: Nobody answers.
        """
        match self._json("GET", "/api/v0/nodes?detail=1&limit=10000"):
            case {"data": {"result": {"result": [*rows]}}}:
                return rows
        raise self._no_dashboard()

    def grows(self) -> bool:
        """Return whether an autoscaler may add nodes, as that of `ray up` does.

        Raises:
            InputError: The token is missing or wrong.
            UnavailableError: Nobody answers.
        """
        match self._json("GET", "/api/cluster_status"):
            case {
                "data": {"clusterStatus": {"autoscalerReport": {"nodeTypeMapping": dict(types)}}}
            }:
                # Without one, Ray makes up a type for each node, of its id.
                return any(name != f"node_{node}" for node, name in types.items())
        return False

    def usage(self) -> dict[str, tuple[float, float]]:
        """Return how much of each resource is taken, and how much there is.

        Raises:
            InputError: The token is missing or wrong.
            UnavailableError: Nobody answers.
        """
        match self._json("GET", "/api/cluster_status"):
            case {"data": {"clusterStatus": {"loadMetricsReport": {"usage": dict(usage)}}}}:
                return {name: (float(used), float(total)) for name, (used, total) in usage.items()}
        return {}

    def _json(self, method: str, path: str) -> JsonObject:
        response = self._request(method, path)
        try:
            found = response.json()
        except ValueError:
            raise self._no_dashboard() from None
        if not isinstance(found, dict):
            raise self._no_dashboard()
        return found

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx2.TimeoutException as error:
            raise UnavailableError(self.address, "it does not answer in time", _ADDRESS) from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            problem = f"nobody answers there ({type(error).__name__})"
            raise UnavailableError(self.address, problem, _ADDRESS) from error
        if response.status_code != 200:
            raise self._refusal(response, body_sent=body is not None)
        return response

    def _refusal(self, response: httpx2.Response, *, body_sent: bool) -> Exception:
        match response.status_code:
            case 401:
                return InputError(self.address, "it asks for a token, and none was found", WHERE)
            case 403 if self._token is not None:
                problem = f"it refuses the token of {self._token.source}"
                return InputError(self.address, problem, "Ask the cluster's owner for its token.")
            case 400 if body_sent:
                problem = f"Ray Serve refuses what it was sent ({last_line(response.text)})"
                return InputError(self.address, problem, "Has it the same version of Headgate?")
            case 501:
                problem = "Ray Serve is not installed there"
                return InputError(self.address, problem, "Install headgate[server] on all nodes.")
            case code if code >= 500:
                problem = f"the dashboard failed with {code} ({last_line(response.text)})"
                return UnavailableError(self.address, problem, "See its log on the head node.")
        return self._no_dashboard()

    def _no_dashboard(self) -> InputError:
        return InputError(self.address, "what answers there is no dashboard of Ray", _ADDRESS)


def dashboard_url(address: str) -> str:
    """Return the address as `http://host:port`, or with https.

    Raises:
        InputError: It is something else, such as a Ray client's address.
    """
    scheme, found, rest = address.partition("://")
    if found and scheme not in ("http", "https"):
        kind = "a Ray client's address" if scheme == "ray" else f"no address of {scheme!r} kind"
        raise InputError("--address", f"it is {kind}, and not a dashboard's", _ADDRESS)
    url = address if found else f"http://{address}"
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or "@" in url or parts.query or parts.fragment or any(map(str.isspace, url)):
        # It is not shown: it may hold a password.
        raise InputError("--address", "it is no plain address of a dashboard", _ADDRESS)
    del rest
    return url.rstrip("/")
