from pathlib import Path

import pytest

from headgate.errors import SpecFileError
from headgate.serving.cluster.launcher import read_cluster

FILE = """\
cluster_name: made-up
provider: {type: gcp, region: europe-west4}
max_workers: 6
head_node_type: head
available_node_types:
  head:
    resources: {CPU: 0}
    node_config: {}
  cpu_worker:
    resources: {CPU: 8, memory: 1073741824}
    labels: {tier: small}
    min_workers: 1
    max_workers: 4
    node_config: {}
  gpu_worker:
    resources: {CPU: 8, GPU: 1, "accelerator_type:L4": 1}
    node_config: {}
"""


@pytest.fixture
def read(tmp_path):
    """Reads a launcher file of this text."""

    def command(text):
        path = tmp_path / "ray_cluster.yaml"
        path.write_text(text)
        return read_cluster(path)

    return command


@pytest.fixture
def mistakes(read):
    """Returns the mistakes of a launcher file, each without the folder."""

    def command(text):
        with pytest.raises(SpecFileError) as caught:
            read(text)
        return [str(each).rpartition("/")[2] for each in caught.value.errors]

    return command


def test_node_types_are_read_with_ray_s_own_defaults(read):
    cluster = read(FILE)

    head, cpu, gpu = cluster.types
    assert (head.name, head.least, head.most, head.head) == ("head", 1, 1, True)
    assert (cpu.least, cpu.most, cpu.labels) == (1, 4, {"tier": "small"})
    assert cpu.resources == {"CPU": 8.0, "memory": 1073741824.0}
    assert (gpu.least, gpu.most) == (0, 6)
    assert gpu.has_accelerator("L4")
    assert (cluster.max_workers, cluster.live) == (6, False)


def test_a_launcher_starts_two_workers_at_most_when_the_file_does_not_say(read):
    cluster = read(FILE.replace("max_workers: 6\n", "", 1))

    assert (cluster.max_workers, cluster.types[2].most) == (2, 2)


def test_the_head_s_type_may_have_workers_too(read):
    cluster = read(FILE.replace("{CPU: 0}", "{CPU: 4}\n    max_workers: 2\n    min_workers: 1"))

    assert (cluster.types[0].least, cluster.types[0].most) == (2, 3)


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        pytest.param(
            '    resources: {CPU: 8, GPU: 1, "accelerator_type:L4": 1}\n',
            "",
            "ray_cluster.yaml:15:3: available_node_types.gpu_worker: no resources are written, and "
            "only the cloud knows what its machines have. "
            "Write it, such as `resources: {CPU: 8, GPU: 1}`.",
            id="no-resources",
        ),
        pytest.param(
            "min_workers: 1",
            "min_worker: 1",
            "ray_cluster.yaml:12:5: available_node_types.cpu_worker.min_worker: unknown key "
            "'min_worker'. Did you mean 'min_workers'?",
            id="misspelt",
        ),
        pytest.param(
            "{CPU: 8, memory: 1073741824}",
            "{CPU: eight}",
            "ray_cluster.yaml:10:17: available_node_types.cpu_worker.resources.CPU: expected a "
            "whole number of at least 0, found 'eight'. Change the value.",
            id="no-number",
        ),
        pytest.param(
            "min_workers: 1",
            "min_workers: 5",
            "ray_cluster.yaml:12:5: available_node_types.cpu_worker.min_workers: it is more than "
            "max_workers. Raise max_workers.",
            id="min-above-max",
        ),
        pytest.param(
            "max_workers: 6",
            "max_workers: 0",
            "ray_cluster.yaml:3:1: max_workers: min_workers of all types are 1, and the cluster's "
            "max_workers are 0. Write `max_workers: 1`.",
            id="sum-above-max",
        ),
        pytest.param(
            "head_node_type: head",
            "head_node_type: heat",
            "ray_cluster.yaml:1:1: head_node_type is 'heat', and there is no such type. "
            "Did you mean 'head'?",
            id="no-such-head",
        ),
        pytest.param(
            "{tier: small}",
            "{tier: 1}",
            "ray_cluster.yaml:11:14: available_node_types.cpu_worker.labels.tier: expected text, "
            "found the number 1. Put it in quotes.",
            id="label-no-text",
        ),
        pytest.param(
            "    resources: {CPU: 0}\n    node_config: {}\n",
            "",
            "ray_cluster.yaml:6:3: available_node_types.head: expected a mapping, found nothing. "
            "Write it, such as `resources: {CPU: 8, GPU: 1}`.",
            id="type-of-nothing",
        ),
    ],
)
def test_each_mistake_is_one_line_with_its_place(mistakes, before, after, mistake):
    assert before in FILE

    assert mistakes(FILE.replace(before, after, 1)) == [mistake]


def test_all_mistakes_are_told_in_the_order_of_their_lines(mistakes):
    text = FILE.replace("{tier: small}", "[small]").replace("CPU: 8, GPU: 1", "CPU: -1, GPU: 1")

    found = mistakes(text)

    assert [each.split(":")[1] for each in found] == ["11", "16"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("provider: {type: local, worker_ips: [10.0.0.1]}\n", id="local"),
        pytest.param("available_node_types: {}\n", id="empty"),
        pytest.param("- head\n", id="list"),
        pytest.param("apiVersion: headgate/v1\nkind: Cascade\n", id="cascade"),
    ],
)
def test_a_file_without_node_types_is_refused(mistakes, text):
    (mistake,) = mistakes(text)

    assert mistake == (
        "ray_cluster.yaml:1:1: the file names no available_node_types. Name a file for `ray up` "
        "that has them, or a running cluster with --address."
    )


def test_no_yaml_and_no_file_are_one_line(mistakes, tmp_path):
    assert mistakes("a: [") == ["ray_cluster.yaml:1:5: a '[' or '{' is never closed. Close it."]
    with pytest.raises(SpecFileError, match="there is no such file"):
        read_cluster(tmp_path / "absent.yaml")


def test_the_file_that_comes_with_headgate_is_read():
    cluster = read_cluster(Path(__file__).parents[4] / "ray_cluster.yaml")

    assert any(each.has_accelerator("L4") for each in cluster.types)
    assert sum(each.head for each in cluster.types) == 1
