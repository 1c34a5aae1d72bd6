"""The Dockerfile, read instruction by instruction, and its check of health on a real server."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from fakes.manifests import REPOSITORY
from headgate.serving.flags import SERVE_FLAGS

DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
CHECK = REPOSITORY / "deploy" / "healthcheck.py"


def instructions():
    """(word, rest) of each instruction, continued lines as one."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def stages():
    """Instructions of each stage, those of the stages it is made from first."""
    found = {}
    for word, rest in instructions():
        if word == "FROM":
            base, name = rest.split()[0], rest.split()[2]
            current = found[name] = list(found.get(base, [("FROM", base)]))
        else:
            current.append((word, rest))
    return found


def environment(stage):
    said = " ".join(rest for word, rest in stages()[stage] if word == "ENV")
    return dict(pair.split("=", 1) for pair in said.split())


@pytest.fixture
def health_server():
    """A server that tells its health, and where it is."""
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(None).wait()


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_target_is_not_run_by_root_and_begins_with_a_pinned_image(target):
    stage = stages()[target]

    assert [rest for word, rest in stage if word == "USER"][-1] == "10001:10001"
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", dict(stage)["FROM"])


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_target_has_the_settings_that_ray_reads_as_it_starts(target):
    assert SERVE_FLAGS.items() <= environment(target).items()


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_target_writes_below_three_directories_only(target):
    said = environment(target)

    writable = {"/tmp", "/var/cache/headgate", "/var/lib/headgate"}  # noqa: S108 - the image's
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "HEADGATE_STATE_DIR"):
        place = PurePosixPath(said[name])
        assert {str(each) for each in (place, *place.parents)} & writable
    assert said["PYTHONDONTWRITEBYTECODE"] == "1"


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_target_has_nothing_of_what_built_it_but_the_packages(target):
    copied = [rest for word, rest in stages()[target] if word == "COPY"]

    assert copied == [
        "--chmod=0755 deploy/healthcheck.py /usr/local/bin/headgate-health",
        f"--from=build-{target} /opt/headgate /opt/headgate",
    ]


def test_only_the_cpu_target_takes_the_small_build_of_pytorch():
    pip = {
        name: next(rest for word, rest in stages()[f"build-{name}"] if "bin/pip install" in rest)
        for name in ("cpu", "gpu")
    }

    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in pip["cpu"]
    assert "index" not in pip["gpu"]
    for name in pip:
        assert environment(f"build-{name}")["PIP_CONSTRAINT"] == "/source/constraints.txt"


def test_everything_that_is_copied_reaches_the_build():
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    sources = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
        if not source.startswith("--")
    }

    assert "*" in ignored
    assert sources == let_through
    assert all((REPOSITORY / source).exists() for source in sources)


def test_the_image_holds_no_secret_and_fetches_no_script():
    text = DOCKERFILE.read_text()

    assert not re.search(r"(?i)token(?!izers)|password|api_key|secret", text)
    assert not re.search(r"curl|wget|\| *sh|ADD http", text)
    assert "latest" not in text


def checked(address):
    return subprocess.run([sys.executable, CHECK, address], check=False, timeout=30).returncode  # noqa: S603 - ours


@pytest.mark.slow
def test_the_check_passes_when_the_server_serves(health_server):
    address, servicer = health_server
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)

    assert checked(address) == 0


@pytest.mark.slow
def test_the_check_fails_when_the_server_drains(health_server):
    address, servicer = health_server
    servicer.enter_graceful_shutdown()

    assert checked(address) == 1


@pytest.mark.slow
def test_the_check_fails_when_nobody_is_there(health_server):
    assert checked("127.0.0.1:1") == 1
