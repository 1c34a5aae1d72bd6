from headgate.serving.cluster.nodes import NodeType, live_cluster, shown

GIB = 1024**3


def row(number, cpus=4.0, *, head=False, state="ALIVE", memory=8 * GIB, labels=None, **resources):
    """One row of Ray's list of nodes."""
    own = {f"node:10.0.0.{number}": 1.0, "object_store_memory": 1e9 + number}
    return {
        "node_id": f"{number:02x}",
        "is_head_node": head,
        "state": state,
        "resources_total": {"CPU": cpus, "memory": memory, **resources, **own},
        "labels": {"ray.io/node-id": f"{number:02x}", **(labels or {})},
    }


def test_nodes_that_are_alike_are_one_type_whatever_their_memory():
    cluster = live_cluster([row(1, head=True), row(2), row(3, memory=7 * GIB)])

    head, workers = cluster.types
    assert (head.name, head.least, head.most, head.head) == ("head", 1, 1, True)
    assert (workers.name, workers.least, workers.most) == ("4 CPUs", 2, 2)
    assert workers.resources == {"CPU": 4.0, "memory": 7 * GIB}
    assert (cluster.max_workers, cluster.live) == (2, True)


def test_labels_and_accelerators_tell_nodes_apart():
    rows = [
        row(1, GPU=1.0, **{"accelerator_type:L4": 1.0}),
        row(2, GPU=1.0, **{"accelerator_type:L4": 1.0}, labels={"region": "eu"}),
        row(3, GPU=1.0, **{"accelerator_type:A100": 1.0}),
    ]

    cluster = live_cluster(rows)

    assert [each.least for each in cluster.types] == [1, 1, 1]
    assert cluster.types[1].labels == {"region": "eu"}
    assert [each.has_accelerator("L4") for each in cluster.types] == [True, True, False]
    assert len({each.name for each in cluster.types}) == 3


def test_the_group_of_a_node_names_its_type_and_the_dead_do_not_count():
    group = {"ray.io/node-group": "gpu_worker"}

    cluster = live_cluster([row(1, labels=group), row(2, state="DEAD", labels=group)])

    assert [(each.name, each.least) for each in cluster.types] == [("gpu_worker", 1)]


def test_two_types_of_one_group_have_two_names():
    group = {"ray.io/node-group": "workers"}

    cluster = live_cluster([row(1, labels=group), row(2, 8.0, labels=group)])

    assert [each.name for each in cluster.types] == ["workers", "workers (2)"]


def test_a_cluster_without_nodes_has_no_types():
    assert live_cluster([]).types == ()


def test_an_accelerator_may_be_said_by_a_label():
    kind = NodeType("gpu", {"GPU": 1.0}, {"ray.io/accelerator-type": "L4"}, 0, 1)

    assert kind.has_accelerator("L4")
    assert not kind.has_accelerator("A100")


def test_amounts_are_shown_with_their_units():
    assert shown({"CPU": 1, "GPU": 0.5, "memory": 1.5 * GIB}) == "1 CPU, 0.5 GPUs, 1.5 GiB"
    assert shown({"CPU": 0.0, "GPU": 1.0, "accelerator_type:L4": 1}) == "1 GPU, L4"
    assert shown({"CPU": 0.0}) == "nothing"
