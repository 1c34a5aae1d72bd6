"""An encoder behind a Serve handle, with a handle that does what a script says."""

import asyncio

import grpc
import numpy as np
import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError
from ray.serve.exceptions import RayServeException

from fakes.serve_handles import Handle
from headgate.errors import UnavailableError
from headgate.serving.remote import RemoteEncoder

VECTORS = np.eye(2, dtype=np.float32)


def encoder_of(handle):
    return RemoteEncoder("encoder-1", "tiny-1", find=lambda app: handle)


def broken_off(code=grpc.StatusCode.UNAVAILABLE):
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


LOST = [
    pytest.param(ActorDiedError, id="died"),
    pytest.param(lambda: ActorUnavailableError("gone", b"0" * 16), id="unavailable"),
    pytest.param(broken_off, id="connection-lost"),
    pytest.param(lambda: broken_off(grpc.StatusCode.CANCELLED), id="stopping"),
]


async def test_vectors_come_back_in_order_and_as_float32():
    handle = Handle(VECTORS.astype(np.float64))

    vectors = await encoder_of(handle).encode(["a", "b"])

    assert vectors.dtype == np.float32
    assert vectors.tolist() == VECTORS.tolist()
    assert handle.arguments == [["a", "b"]]


@pytest.mark.parametrize("lose", LOST)
async def test_a_replica_that_dies_is_retried_once_elsewhere(lose):
    handle = Handle(lose(), VECTORS)

    vectors = await encoder_of(handle).encode(["a", "b"])

    assert vectors.tolist() == VECTORS.tolist()
    assert handle.arguments == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("lose", LOST)
async def test_two_replicas_that_die_are_unavailable(lose):
    with pytest.raises(UnavailableError) as caught:
        await encoder_of(Handle(lose(), lose())).encode(["a"])

    assert str(caught.value) == (
        "application 'encoder-1': two replicas died. Try again in a moment."
    )


async def test_what_a_model_raises_is_not_retried():
    handle = Handle(ValueError("bad"))

    with pytest.raises(ValueError, match="bad"):
        await encoder_of(handle).encode(["a"])
    assert len(handle.arguments) == 1


async def test_an_error_of_serve_itself_is_unavailable_and_not_retried():
    handle = Handle(RayServeException("it failed to deploy"))

    with pytest.raises(UnavailableError):
        await encoder_of(handle).encode(["a"])
    assert len(handle.arguments) == 1


async def test_an_application_that_is_not_there_yet_is_looked_up_again():
    found = [RayServeException("no such app"), Handle(VECTORS)]

    def find(app):
        outcome = found.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    encoder = RemoteEncoder("encoder-1", "tiny-1", find=find)

    with pytest.raises(UnavailableError):
        await encoder.encode(["a"])
    assert (await encoder.encode(["a", "b"])).shape == (2, 2)
    assert encoder.fingerprint == "tiny-1"


async def test_a_caller_that_gives_up_cancels_the_replicas_work():
    handle = Handle(asyncio.Event())
    waiting = asyncio.create_task(encoder_of(handle).encode(["a"]))
    while not handle.responses:
        await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert handle.responses[0].cancelled
