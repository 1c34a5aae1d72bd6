"""The REST API of a Ray dashboard with Serve behind it, on a real socket and without Ray.

PUT body -> applications as Serve would have them -> GET details; what each comes to is told first
"""

import json
import threading
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMPTY = {"controller_info": {}, "proxies": {}, "applications": {}, "target_capacity": None}
NODE_IP = "127.0.0.1"


def node(cpus=4.0, *, head=True, labels=None, **resources):
    """Return Ray's row about a node."""
    total = {"CPU": cpus, "memory": 8 * 2**30, f"node:{NODE_IP}": 1.0, **resources}
    return {
        "node_id": "a1",
        "node_ip": NODE_IP,
        "is_head_node": head,
        "state": "ALIVE",
        "resources_total": total,
        "labels": {"ray.io/node-id": "a1", **(labels or {})},
    }


class FakeDashboard:
    """What runs on a made-up cluster, and how its applications fare."""

    def __init__(self):
        self.version = "2.60.0"
        self.token = ""
        self.nodes = [node()]
        self.details = json.loads(json.dumps(EMPTY))
        self.puts = []
        """Bodies, in order."""
        self.shut_downs = 0
        self.fares = defaultdict(deque)
        """By application: the (status, message) it shows at the next looks; the last one stays
        until it is put anew, and RUNNING where nothing is said."""
        self.replies = {}
        """By path: a (status, text) that is answered instead."""
        self.types = {"a1": "node_a1"}
        """Type of each node, as the autoscaler tells."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.dashboard = self

    @property
    def address(self):
        """Where it listens."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def running(self):
        """The applications that are there, as they were put."""
        apps = self.details["applications"].items()
        return {name: app["deployed_app_config"] for name, app in apps}

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    def imperative(self, name):
        """Have an application that `serve.run` brought: no PUT ends it."""
        self.details["applications"][name] = _app({"name": name, "deployments": []})
        self.details["applications"][name]["deployed_app_config"] = None

    def look(self):
        """Return the details, each application one look further."""
        for name, app in self.details["applications"].items():
            fares = self.fares[name]
            if fares:
                _show(app, *(fares.popleft() if len(fares) > 1 else fares[0]))
        return self.details

    def put(self, body):
        """Take what is to run; what came by an earlier PUT and is left out is ended."""
        self.puts.append(body)
        given = {key: value for key, value in body.items() if key != "applications"}
        if "proxy_location" not in self.details:  # Serve keeps what it was started with
            self.details |= {"proxy_location": "EveryNode", "http_options": {}} | given
            self.details.pop("controller_options", None)
        before = self.details["applications"]
        kept = {name: app for name, app in before.items() if app["deployed_app_config"] is None}
        for config in body["applications"]:
            name = config["name"]
            same = name in before and before[name]["deployed_app_config"] == config
            kept[name] = before[name] if same else _app(config)
        self.details["applications"] = kept

    def shut_down(self):
        """End Serve."""
        self.shut_downs += 1
        self.details = json.loads(json.dumps(EMPTY))


def _app(config):
    deployments = {each["name"]: _deployment(each) for each in config.get("deployments", ())}
    return {
        "name": config["name"],
        "status": "RUNNING",
        "message": "",
        "deployed_app_config": config,
        "deployments": deployments,
    }


def _deployment(config):
    scaling = config.get("autoscaling_config", {})
    wanted = config.get("num_replicas", scaling.get("min_replicas", 1))
    replicas = [{"state": "RUNNING", "node_ip": NODE_IP, "pid": 7 + n} for n in range(wanted)]
    return {
        "name": config["name"],
        "status": "HEALTHY",
        "message": "",
        "target_num_replicas": wanted,
        "replicas": replicas,
    }


def _show(app, status, message):
    app["status"] = status
    deployed = {"RUNNING": "HEALTHY", "DEPLOYING": "UPDATING"}.get(status, status)
    for deployment in app["deployments"].values():
        deployment["status"], deployment["message"] = deployed, message
        for replica in deployment["replicas"]:
            replica["state"] = "RUNNING" if status == "RUNNING" else "STARTING"


class _Handler(BaseHTTPRequestHandler):
    """Answers for the dashboard of its server."""

    @property
    def dashboard(self):
        return self.server.dashboard

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        self._answer(lambda: json.dumps(self._data()))

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda: self.dashboard.put(body))

    def do_DELETE(self):
        self._answer(self.dashboard.shut_down)

    def _data(self):
        match self.path.partition("?")[0]:
            case "/api/version":
                return {"version": "4", "ray_version": self.dashboard.version}
            case "/api/serve/applications/":
                return self.dashboard.look()
            case "/api/v0/nodes":
                return {"data": {"result": {"result": self.dashboard.nodes}}}
            case "/api/cluster_status":
                usage = {"CPU": [1.0, 4.0], "memory": [0.0, 8 * 2**30]}
                report = {"nodeTypeMapping": self.dashboard.types}
                status = {"autoscalerReport": report, "loadMetricsReport": {"usage": usage}}
                return {"data": {"clusterStatus": status}}

    def _answer(self, act):
        status, text = self._refusal() or (200, None)
        content = (act() or "" if text is None else text).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refusal(self):
        given, token = self.headers.get("Authorization", ""), self.dashboard.token
        if token and not given:
            return 401, "Unauthorized: Missing authentication token"
        if token and given != f"Bearer {token}":
            return 403, "Forbidden: Invalid authentication token"
        return self.dashboard.replies.get(f"{self.command} {self.path.partition('?')[0]}")
