"""Groups of pods for what models reserve."""

import yaml

from fakes.manifests import KUBERNETES
from headgate.serving.cluster.needs import Need
from headgate.serving.cluster.pods import groups_of

GIB = 1024**3


def need(resources, *, most=1, accelerator=None, **labels):
    return Need("app", "Model", 0, most, resources, labels, accelerator, None, "model")


def made(*needs):
    base = yaml.safe_load((KUBERNETES / "base/ray-service.yaml").read_text())
    gpu = yaml.safe_load((KUBERNETES / "components/gpu/gpu-workers.yaml").read_text())
    cpu = base["spec"]["rayClusterConfig"]["workerGroupSpecs"][1]
    return {each["groupName"]: each for each in groups_of(needs, cpu, gpu[0]["value"])}


def limits(group):
    return group["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_without_models_there_is_the_group_for_cpus_as_it_is_shipped():
    groups = made()

    assert list(groups) == ["cpu"]
    assert limits(groups["cpu"]) == {"cpu": "4", "memory": "8Gi"}
    assert (groups["cpu"]["minReplicas"], groups["cpu"]["maxReplicas"]) == (0, 8)


def test_a_pod_is_as_large_as_the_largest_replica_and_ray():
    groups = made(need({"CPU": 1}, most=2), need({"CPU": 7.5, "memory": 10 * GIB}, most=3))

    assert limits(groups["cpu"]) == {"cpu": "8", "memory": "12Gi"}
    assert groups["cpu"]["maxReplicas"] == 5


def test_there_are_never_more_than_64_pods():
    assert made(need({"CPU": 1}, most=50), need({"CPU": 1}, most=50))["cpu"]["maxReplicas"] == 64


def test_a_model_with_gpus_gets_pods_with_as_many():
    groups = made(need({"CPU": 1, "GPU": 2}))

    assert list(groups) == ["cpu", "gpu"]
    assert limits(groups["gpu"]) == {"cpu": "6", "memory": "24Gi", "nvidia.com/gpu": "2"}


def test_a_part_of_a_gpu_is_a_whole_one_of_a_pod():
    assert limits(made(need({"GPU": 0.5}))["gpu"])["nvidia.com/gpu"] == "1"


def test_the_autoscaler_knows_the_accelerator_before_there_is_a_pod():
    groups = made(
        need({"GPU": 1}, accelerator="L4"),
        need({"GPU": 1}, accelerator="H100"),
        need({"GPU": 1}),
    )

    assert {name: each.get("resources") for name, each in groups.items()} == {
        "cpu": None,
        "gpu": None,
        "gpu-h100": {"accelerator_type:H100": "1"},
        "gpu-l4": {"accelerator_type:L4": "1"},
    }


def test_a_kind_of_accelerator_becomes_a_name_that_kubernetes_takes():
    assert list(made(need({"GPU": 1}, accelerator="A100_80G"))) == ["cpu", "gpu-a100-80g"]


def test_labels_are_told_to_ray_and_choose_the_machine():
    groups = made(need({"CPU": 1}, disk="nvme"), need({"CPU": 1}))

    assert list(groups) == ["cpu", "cpu-1"]
    assert groups["cpu-1"]["labels"] == {"disk": "nvme"}
    assert groups["cpu-1"]["template"]["spec"]["nodeSelector"] == {"disk": "nvme"}
    assert "nodeSelector" not in groups["cpu"]["template"]["spec"]
