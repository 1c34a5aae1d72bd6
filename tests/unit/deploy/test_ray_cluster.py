"""ray_cluster.yaml and the script that starts Ray, as Ray and `headgate plan` read them."""

import json
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from fakes.manifests import REPOSITORY
from headgate.serving.cluster.launcher import read_cluster
from headgate.serving.flags import SERVE_FLAGS

FILE = REPOSITORY / "ray_cluster.yaml"
SCRIPT = REPOSITORY / "deploy" / "start_ray.sh"


@pytest.fixture(scope="module")
def cluster():
    return yaml.safe_load(FILE.read_text())


def started(home, *arguments, **variables):
    """Run the script with a `ray` that says what it was given."""
    ray = home / "venv" / "bin" / "ray"
    ray.parent.mkdir(parents=True)
    ray.write_text('#!/bin/sh\necho "$@"\nenv\n')
    ray.chmod(0o755)
    variables = {"HOME": str(home), "HEADGATE_VENV": str(home / "venv"), **variables}
    return subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", SCRIPT, *arguments],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ray_accepts_the_file(cluster):
    package = Path(find_spec("ray").origin).parent
    schema = json.loads((package / "autoscaler" / "ray-schema.json").read_text())

    jsonschema.validate(cluster, schema)


def test_plan_reads_head_cpu_and_gpu_nodes():
    found = read_cluster(FILE)

    sizes = {each.name: (dict(each.resources), each.least, each.most) for each in found.types}
    assert sizes == {
        "head": ({"CPU": 0.0}, 1, 1),
        "cpu": ({"CPU": 8.0}, 2, 8),
        "gpu": ({"CPU": 8.0, "GPU": 1.0, "accelerator_type:L4": 1.0}, 0, 4),
    }
    assert found.max_workers == 12
    assert next(each for each in found.types if each.name == "gpu").has_accelerator("L4")


def test_the_dashboard_is_for_the_head_alone(cluster):
    (start,) = [each for each in cluster["head_start_ray_commands"] if "--head" in each]

    assert "--dashboard-host=127.0.0.1" in start


def test_every_node_starts_ray_by_the_script(cluster):
    assert cluster["file_mounts"]["~/headgate/start_ray.sh"] == "deploy/start_ray.sh"
    for kind in ("head", "worker"):
        stop, start = cluster[f"{kind}_start_ray_commands"]
        assert stop.endswith("/ray stop")
        assert start.startswith("sh ~/headgate/start_ray.sh ")


def test_the_token_is_a_file_and_not_in_the_file(cluster):
    assert cluster["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in cluster["setup_commands"]
    assert not re.search(r"(?i)RAY_AUTH_TOKEN=|password|aws_(access|secret)|AKIA", FILE.read_text())


def test_what_is_copied_is_there(cluster):
    made = {"dist", "artifacts"}  # by pip wheel, and by headgate fit
    local = {each for each in cluster["file_mounts"].values() if not each.startswith("~")}

    assert all((REPOSITORY / each).exists() for each in local - made)


def test_nodes_open_the_gateway_and_the_metrics_to_a_private_network(cluster):
    rules = cluster["provider"]["security_group"]["IpPermissions"]

    assert [each["FromPort"] for each in rules] == [50051, 9464, 8080]
    assert all(each["FromPort"] == each["ToPort"] for each in rules)
    assert {block["CidrIp"] for each in rules for block in each["IpRanges"]} == {"10.0.0.0/8"}


def test_ray_is_started_with_a_token_and_our_settings(tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)

    ended = started(tmp_path, "--head", "--port=6379")

    said = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert said[0] == "start --head --port=6379"
    assert {f"{name}={value}" for name, value in SERVE_FLAGS.items()} <= set(said)
    assert "RAY_AUTH_MODE=token" in said


def test_the_token_may_be_in_another_file(tmp_path):
    (tmp_path / "token").write_text("0" * 64)

    assert started(tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "token")).returncode == 0


def test_without_a_token_nothing_is_started(tmp_path):
    ended = started(tmp_path)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "start_ray.sh: there is no token. Make one with: ray get-auth-token --generate\n"
    )
