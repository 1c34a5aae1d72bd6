"""Large models in replicas of their own, on a real Ray: from none to several and back, and weights.

What is sent on is reported by this process as a gateway does, to the actor that Serve's own
controller reads.
"""

import asyncio
import os
import time

import pytest

from fakes.ray_cluster import IMPORTED
from fakes.stub_models import LARGE_MODEL_S, StubLargeModel
from fakes.tiny_causal_lm import write_scripted_lm
from headgate.cascade.large_models import wrap_engine
from headgate.cascade.lm_spec import TransformersSpec
from headgate.errors import LmRefusedError
from headgate.lm.decide import LmRequest
from headgate.serving.cluster.models import MOST_ONGOING
from headgate.serving.demand_board import DemandReporter
from headgate.serving.flags import SERVE_FLAGS
from headgate.serving.large_model_replica import LargeModelReplica
from headgate.serving.remote_large_model import RemoteLargeModelEngine, large_model_app
from headgate.serving.scaling import large_model_scaling
from headgate.serving.spreading import spreading
from headgate.types import Deadline

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

STUB_S = 0.2
PER_S = 10
"""Calls sent on a second: 2 replicas' work, so 3 where they are meant to be busy for 70 %."""


@pytest.fixture(scope="module")
def cluster():
    """Ray with two CPUs and Serve without a proxy, for all tests of this file."""
    environment = {
        **SERVE_FLAGS,
        "RAY_AUTH_MODE": "disabled",  # no token in the home directory
        "PYTHONPATH": os.pathsep.join(map(str, IMPORTED)),
        LARGE_MODEL_S: str(STUB_S),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        import ray
        from ray import serve

        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
        yield
        ray.shutdown()


@pytest.fixture
async def reporter():
    found = DemandReporter()
    yield found
    await found.close()


@pytest.fixture
def deploy(cluster, reporter):
    """Run a class in the place of a large model, at first without a replica; return its tier."""

    async def run(key, replica, arguments):
        from ray import serve

        deployment = serve.deployment(
            replica, name="LargeModel", request_router_config=spreading()
        ).options(
            autoscaling_config=large_model_scaling(spec(), key),
            max_ongoing_requests=MOST_ONGOING,
            ray_actor_options={"num_cpus": 0.1},
        )
        application = deployment.bind(**arguments)
        await asyncio.to_thread(
            serve.run, application, name=large_model_app(key), route_prefix=None
        )
        engine = RemoteLargeModelEngine(spec(), key, reporter.meter(key))
        reporter.start()
        return wrap_engine(spec(), engine, limited=True)

    return run


def spec():
    return TransformersSpec.model_validate(
        {
            "kind": "lm",
            "engine": "transformers",
            "source": "org/name",
            "replicas": {"min": 0, "max": 3},
            "scaling": {"up_after_s": 0.5, "down_after_s": 1, "zero_after_s": 2},
        }
    )


def question(number=0, text=""):
    fields = {"message": text or f"disk {number} full"}
    return LmRequest(f"r{number}", "Sort the line.", fields, ("disk", "net"))


async def running(key):
    """Return how many replicas run, and how many there are in any other state."""
    from ray import serve

    status = await asyncio.to_thread(serve.status)
    states = status.applications[large_model_app(key)].deployments["LargeModel"].replica_states
    alive = states.get("RUNNING", 0)
    return alive, sum(states.values()) - alive


async def until(key, *wanted, within_s):
    deadline = time.monotonic() + within_s
    while (found := await running(key)) != wanted:
        assert time.monotonic() < deadline, f"{found} and not {wanted}"
        await asyncio.sleep(0.1)


async def test_replicas_come_with_what_is_sent_on_and_go_with_it(deploy):
    """From none, to three under load, to none; no call is lost on the way."""
    model = await deploy("scaled", StubLargeModel, {})
    assert await running("scaled") == (0, 0)

    first = await model.complete_one(question(), Deadline.after(60))
    calls = []
    grown = asyncio.create_task(until("scaled", 3, 0, within_s=90))
    while not grown.done():
        one = model.complete_one(question(len(calls) + 1), Deadline.after(120))
        calls.append(asyncio.create_task(one))
        await asyncio.sleep(1 / PER_S)
    await grown
    answers = await asyncio.gather(*calls)
    await until("scaled", 0, 0, within_s=60)

    assert {answer.value.answer for answer in (first, *answers)} == {"disk"}
    again = await model.complete_one(question(-1), Deadline.after(60))
    assert again.value.answer == "disk"
    await model.close()


async def test_weights_answer_through_their_replica(deploy, tmp_path):
    """A prompt that the model cannot read is refused there, and said here."""
    source = write_scripted_lm(tmp_path, ('{"reason":"seen","label":"', "net", '"}'))
    arguments = {"source": source, "revision": None, "precision": "float32"}
    model = await deploy("weights", LargeModelReplica, arguments)

    answer = await model.complete_one(question(), Deadline.after(120))

    assert (answer.value.answer, answer.value.rationale) == ("net", "seen")
    assert answer.usage.output_tokens == 4
    with pytest.raises(LmRefusedError, match=r"has \d+ tokens, and the model reads 8192"):
        await model.complete_one(question(1, "disk " * 1_600 + "é" * 2_000), Deadline.after(60))
    await model.close()
