from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serving.cluster.fit import fit
from headgate.serving.cluster.misfits import misfits
from headgate.serving.cluster.needs import Need
from headgate.serving.cluster.nodes import Cluster, NodeType


def need(name="model", cpus=1.0, gpus=0.0, **others):
    """What one replica of a deployment takes."""
    amounts = {"CPU": cpus, "GPU": gpus}
    usual = {
        "app": "headgate-x",
        "deployment": name,
        "least": 0,
        "most": 1,
        "resources": {each: amount for each, amount in amounts.items() if amount},
        "labels": {},
        "accelerator": None,
        "per_node": None,
        "why": "",
    }
    return Need(**(usual | others))


def kind(name, least=0, most=1, *, head=False, labels=None, **resources):
    """A node type with these resources."""
    return NodeType(name, resources, labels or {}, least, most, head)


def cluster(*kinds, max_workers=100, live=False):
    return Cluster(kinds, max_workers, live)


HEAD = kind("head", 1, 1, head=True, CPU=0.0)
CPU_WORKER = kind("cpu_worker", 1, 4, CPU=4.0)
GPU_WORKER = kind("gpu_worker", 0, 2, CPU=8.0, GPU=1.0, **{"accelerator_type:L4": 1.0})


def problem_of(wanted, nodes):
    """Return problem and remedy of the only deployment that does not fit."""
    (misfit,) = misfits(wanted, nodes, fit(wanted, nodes))
    return misfit.problem, misfit.remedy


def test_replicas_fill_nodes_and_start_new_ones():
    """Three of two CPUs: two on the worker that is there, one on a second."""
    found = fit([(need(cpus=2), 3)], cluster(HEAD, CPU_WORKER, GPU_WORKER))

    assert found.nodes == {"head": 1, "cpu_worker": 2, "gpu_worker": 0}
    assert found.replicas == {"headgate-x/model": {"cpu_worker": 3}}
    assert found.missing == {}


def test_large_replicas_are_placed_before_small_ones():
    """Of 1, 1, 1, 1 and 4 CPUs on two nodes of 4, the small ones may not be first."""
    wanted = [(need("small"), 4), (need("large", 4), 1)]

    found = fit(wanted, cluster(kind("worker", 2, 2, CPU=4.0)))

    assert found.missing == {}


def test_what_needs_no_gpu_stays_off_nodes_with_one_while_there_is_room():
    both = cluster(kind("gpu", 1, 1, CPU=8.0, GPU=1.0), kind("cpu", 1, 1, CPU=1.0))

    found = fit([(need(), 2)], both)

    assert found.replicas["headgate-x/model"] == {"cpu": 1, "gpu": 1}


def test_only_a_node_with_a_gpu_is_started_for_one():
    found = fit([(need(gpus=1, accelerator="L4"), 2)], cluster(HEAD, CPU_WORKER, GPU_WORKER))

    assert found.nodes == {"head": 1, "cpu_worker": 1, "gpu_worker": 2}


def test_fractions_of_a_gpu_share_one():
    found = fit([(need(cpus=0.1, gpus=0.1), 10)], cluster(kind("gpu", 1, 1, CPU=2.0, GPU=1.0)))

    assert found.missing == {}


def test_labels_confine_replicas():
    east = kind("east", 1, 1, CPU=4.0, labels={"region": "east"})
    west = kind("west", 1, 1, CPU=4.0, labels={"region": "west"})

    found = fit([(need(labels={"region": "west"}), 5)], cluster(east, west))

    assert found.replicas["headgate-x/model"] == {"west": 4}
    assert found.missing == {"headgate-x/model": 1}


def test_most_replicas_of_one_node_start_more_nodes():
    found = fit([(need(cpus=0.1, per_node=1), 3)], cluster(HEAD, CPU_WORKER))

    assert found.nodes["cpu_worker"] == 3


def test_the_limit_of_all_workers_holds_for_all_types_together():
    limited = cluster(HEAD, CPU_WORKER, GPU_WORKER, max_workers=2)

    found = fit([(need("a", 4), 2), (need("b", 8, 1), 1)], limited)

    assert sum(found.nodes.values()) == 3
    assert found.missing == {"headgate-x/a": 1}


def test_nothing_runs_on_no_nodes():
    found = fit([(need(), 2)], cluster())

    assert (found.nodes, found.missing) == ({}, {"headgate-x/model": 2})


def test_no_replicas_need_only_what_is_always_there():
    found = fit([(need(cpus=99), 0)], cluster(HEAD, CPU_WORKER))

    assert found.nodes == {"head": 1, "cpu_worker": 1}
    assert found.missing == {}


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        pytest.param(
            need(gpus=1, accelerator="A100"),
            "needs 1 GPU of type A100; no node type has one",
            id="accelerator",
        ),
        pytest.param(need(gpus=2), "needs 2 GPUs; the largest node has 1 GPU", id="gpus"),
        pytest.param(need(cpus=9), "needs 9 CPUs; the largest node has 8 CPUs", id="cpus"),
        pytest.param(
            need(labels={"region": "eu"}),
            "needs a node with region=eu; no node type has that",
            id="label",
        ),
        pytest.param(
            need(gpus=1, accelerator="L4", labels={"region": "eu"}),
            "needs a node with region=eu and an accelerator of type L4; no node type has that",
            id="label-and-accelerator",
        ),
        pytest.param(
            need(resources={"licence": 1.0}), "needs 1 licence; no node has any", id="custom"
        ),
        pytest.param(
            need(cpus=1, resources={"CPU": 1.0, "memory": 2.0 * 1024**3}),
            "needs 2 GiB; no node has any",
            id="memory",
        ),
        pytest.param(
            need(cpus=16, gpus=1, accelerator="L4"),
            "needs 16 CPUs; the largest node that suits it has 8 CPUs",
            id="cpus-beside-the-accelerator",
        ),
    ],
)
def test_what_no_node_has_is_named(wish, problem):
    found, remedy = problem_of([(wish, 1)], cluster(HEAD, CPU_WORKER, GPU_WORKER))

    assert found == problem
    assert remedy.endswith(".")


def test_amounts_that_no_node_has_together_are_named():
    wide, tall = kind("wide", 1, 1, CPU=8.0), kind("tall", 1, 1, CPU=1.0, GPU=1.0)

    found, _ = problem_of([(need(cpus=4, gpus=1), 1)], cluster(wide, tall))

    assert found == "needs 4 CPUs, 1 GPU on one node; no node has all of it"


def test_the_limit_to_raise_is_named_with_its_number():
    """Nine of two CPUs take five nodes of four."""
    found = problem_of([(need(cpus=2), 9)], cluster(HEAD, CPU_WORKER))

    assert found == (
        "fits alone, but not beside the others",
        "Raise max_workers of cpu_worker to 5.",
    )


def test_both_limits_are_named_where_both_bind():
    tight = cluster(HEAD, CPU_WORKER, max_workers=3)

    _, remedy = problem_of([(need(cpus=4), 6)], tight)

    assert remedy == "Raise max_workers of cpu_worker to 6 and max_workers of the cluster to 6."


def test_the_limit_of_the_cluster_alone_may_bind():
    _, remedy = problem_of([(need(cpus=4), 3)], cluster(HEAD, CPU_WORKER, max_workers=2))

    assert remedy == "Raise max_workers of the cluster to 3."


def test_a_running_cluster_is_told_how_many_nodes_to_add():
    live = cluster(HEAD, kind("worker", 2, 2, CPU=4.0), live=True)

    _, remedy = problem_of([(need(cpus=4), 5)], live)

    assert remedy == "Add 3 nodes like 'worker' (4 CPUs)."


def test_a_head_cannot_be_had_twice():
    alone = cluster(replace(HEAD, resources={"CPU": 2.0}))

    found = problem_of([(need(cpus=2), 2)], alone)

    assert found == (
        "fits alone, but not beside the others on the head node",
        "Add worker nodes with 2 CPUs.",
    )


def test_a_running_cluster_is_spoken_of_in_nodes():
    found, _ = problem_of([(need(gpus=1, accelerator="L4"), 1)], cluster(CPU_WORKER, live=True))

    assert found == "needs 1 GPU of type L4; no node of the cluster has one"


amounts = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0])
kinds = st.builds(
    lambda cpus, gpus, count, label: kind(
        "", count, count, CPU=cpus, GPU=gpus, labels={"zone": label}
    ),
    amounts,
    amounts,
    st.integers(0, 3),
    st.sampled_from("ab"),
)
needs = st.builds(
    lambda cpus, gpus, label, per_node: need("", cpus, gpus, labels=label, per_node=per_node),
    amounts,
    amounts,
    st.sampled_from([{}, {"zone": "a"}]),
    st.sampled_from([None, 1]),
)
clusters = st.lists(kinds, max_size=4).map(
    lambda found: tuple(replace(each, name=str(place)) for place, each in enumerate(found))
)
wishes = st.lists(st.tuples(needs, st.integers(0, 5)), max_size=4).map(
    lambda found: [
        (replace(each, deployment=str(place)), count) for place, (each, count) in enumerate(found)
    ]
)


@given(wishes, clusters)
def test_a_placement_takes_no_more_than_there_is(wanted, types):
    some_to_start = [replace(each, least=each.most // 2) for each in types]

    found = fit(wanted, cluster(*some_to_start, max_workers=6))

    by_name = {each.name: each for each, _ in wanted}
    taken = {each.name: Counter() for each in types}
    for name, places in found.replicas.items():
        for place, count in places.items():
            amounts = by_name[name].resources.items()
            taken[place].update({each: amount * count for each, amount in amounts})
    for each in types:
        assert found.nodes[each.name] <= each.most
        for resource, amount in taken[each.name].items():
            assert amount <= each.resources[resource] * found.nodes[each.name] + 1e-6


@given(wishes, clusters)
def test_every_replica_has_a_place_or_is_missing(wanted, types):
    found = fit(wanted, cluster(*types))

    for each, count in wanted:
        placed = sum(found.replicas[each.name].values())
        assert placed + found.missing.get(each.name, 0) == count
        for place in found.replicas[each.name]:
            assert each.labels.items() <= types[int(place)].labels.items()


@given(wishes, clusters, kinds)
def test_a_node_more_takes_no_replica_s_place_away(wanted, types, more):
    """One that comes behind the others, as nodes with GPUs come behind those without."""
    gpus = max([more.gpus, *(0.5 for each in types if each.gpus)])
    added = replace(more, name="more", resources={**more.resources, "GPU": gpus})

    before = fit(wanted, cluster(*types)).missing
    after = fit(wanted, cluster(*types, added)).missing

    assert all(after[name] <= before.get(name, 0) for name in after)


@given(wishes, clusters)
def test_every_missing_replica_has_a_reason(wanted, types):
    nodes = cluster(*types, live=True)
    found = fit(wanted, nodes)

    told = misfits(wanted, nodes, found)

    assert {each.need.name: each.replicas for each in told} == found.missing
    assert all(each.problem and each.remedy.endswith(".") for each in told)
