"""Where a gateway sends its next batch, as Serve's router asks and tells."""

import asyncio
import itertools

import pytest
from ray.serve._private.common import DeploymentHandleSource, DeploymentID, ReplicaID

from headgate.serving.spreading import FewestUnderWay

DEPLOYMENT = DeploymentID(name="Encoder", app_name="encoder-1")
ROOM = 4


class Replica:
    """As much of Serve's as is looked at."""

    max_ongoing_requests = ROOM

    def __init__(self, name):
        self.replica_id = ReplicaID(unique_id=name, deployment_id=DEPLOYMENT)


class Waiting:
    """A request that has no replica yet."""

    class Context:
        should_backoff = False

    def __init__(self):
        self.routing_context = self.Context()


A, B, C = map(Replica, "abc")
REQUEST = "one"


@pytest.fixture
async def router():
    """Return a router that knows of three replicas without a request."""
    found = FewestUnderWay(
        deployment_id=DEPLOYMENT,
        handle_source=DeploymentHandleSource.REPLICA,
        use_replica_queue_len_cache=True,
    )
    for each in (A, B, C):
        found.replica_queue_len_cache.update(each.replica_id, 0)
    return found


def names(ranks):
    return ["".join(each.replica_id.unique_id for each in rank) for rank in ranks]


async def ranks(router, *replicas):
    return names(await router.choose_replicas(list(replicas), Waiting()))


def send(router, *replicas):
    for each in replicas:
        router.on_send_request(each.replica_id)


def complete(router, *replicas):
    for each in replicas:
        router.on_request_completed(each.replica_id, REQUEST)
        router.decrement_queue_len_cache(each.replica_id)


async def test_the_replica_with_fewest_under_way_comes_first(router):
    send(router, A, A, B, C, C, C)

    assert await ranks(router, A, B, C) == ["b", "a", "c"]


async def test_a_replica_that_has_answered_is_free_again(router):
    send(router, A, A, B)
    complete(router, A, A)

    assert await ranks(router, A, B) == ["a", "b"]


async def test_what_a_replica_said_of_its_queue_at_an_earlier_time_does_not_count(router):
    send(router, A, B, B)
    router.on_new_queue_len_info(A.replica_id, 3)

    assert await ranks(router, A, B) == ["a", "b"]


async def test_a_replica_that_is_full_comes_last(router):
    send(router, B)
    router.on_new_queue_len_info(A.replica_id, ROOM)

    assert await ranks(router, A, B) == ["b", "a"]


async def test_a_replica_that_does_not_answer_is_asked_beside_the_best_one(router):
    send(router, B, C, C)
    router.on_replica_actor_unavailable(A.replica_id)

    assert await ranks(router, A, B, C) == ["ba", "c"]


async def test_among_equals_every_order_comes_up(router):
    found = {"".join(await ranks(router, A, B, C)) for _ in range(200)}

    assert found == {"".join(each) for each in itertools.permutations("abc")}


async def test_more_ends_than_starts_do_not_make_a_replica_look_freer_than_free(router):
    complete(router, A, A)
    send(router, A)

    assert await ranks(router, A, B) == ["b", "a"]


async def test_a_replica_that_is_gone_is_forgotten_once_its_requests_have_ended(router):
    send(router, A, A)
    complete(router, A, A)

    assert not router._under_way


async def test_while_all_are_full_the_next_one_waits_until_a_request_ends(router):
    send(router, *[A] * ROOM)
    waiting = asyncio.ensure_future(ranks(router, A))
    await asyncio.sleep(0)
    assert not waiting.done()

    complete(router, A)

    assert await waiting == ["a"]


async def test_the_replica_that_became_free_meanwhile_comes_first(router):
    send(router, *[A] * ROOM)
    router.on_new_queue_len_info(B.replica_id, ROOM)
    waiting = asyncio.ensure_future(ranks(router, A, B))
    await asyncio.sleep(0)

    complete(router, A)

    assert await waiting == ["a", "b"]


async def test_serve_pauses_between_attempts(router):
    waiting = Waiting()

    await router.choose_replicas([A], waiting)

    assert waiting.routing_context.should_backoff
