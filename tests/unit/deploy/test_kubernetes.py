"""The shipped manifests: valid, consistent with each other and with what runs, and closed."""

import copy
import re

import kubernetes_validate
import pytest
import yaml

import headgate
from fakes.manifests import (
    KUBERNETES,
    REPOSITORY,
    container,
    groups,
    mistakes,
    of_kind,
    ray_service,
    shipped,
)
from headgate.serving.cluster.kubernetes import without_cascades
from headgate.serving.gateway import DRAIN_S

pytestmark = pytest.mark.slow  # kubectl is a program of its own

FOLDERS = ("base", "overlays/cpu", "overlays/gpu", "overlays/development")
OWN = "RayService"


@pytest.fixture(params=FOLDERS)
def objects(request):
    return shipped(request.param)


def served(objects):
    """What is to run, as KubeRay reads it."""
    return yaml.safe_load(ray_service(objects)["spec"]["serveConfigV2"])


def test_every_object_is_one_that_kubernetes_knows(objects):
    for each in objects:
        if each["kind"] != OWN:
            kubernetes_validate.validate(each, "1.37", strict=True)


def test_every_pod_is_one_that_kubernetes_knows(objects):
    for name, group in groups(objects).items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
        kubernetes_validate.validate(pod | {"spec": group["template"]["spec"]}, "1.37", strict=True)


def test_the_ray_service_has_no_key_that_kuberay_does_not_know(objects):
    assert mistakes(ray_service(objects)) == []


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("spec",), "serveConfig"),
        (("spec", "rayClusterConfig"), "enableIntreeAutoscaling"),
        (("spec", "rayClusterConfig", "authOptions"), "secret"),
        (("spec", "rayClusterConfig", "workerGroupSpecs", 0), "maxReplica"),
    ],
)
def test_the_schema_refuses_a_misspelt_key(path, key):
    service = copy.deepcopy(ray_service(shipped("base")))
    place = service
    for step in path:
        place = place[step]
    place[key] = "x"

    assert len(mistakes(service)) == 1


def test_base_runs_what_the_code_says():
    """Else: python -m headgate.serving.cluster.kubernetes."""
    assert (KUBERNETES / "base/ray-service.yaml").read_text() == without_cascades()


def test_callers_reach_pods_with_a_gateway_that_serves(objects):
    service = next(each for each in of_kind(objects, "Service") if "clusterIP" not in each["spec"])
    gateway = groups(objects)["gateway"]
    labels, ports = gateway["template"]["metadata"]["labels"], container(gateway)["ports"]
    named = {each["name"]: each["containerPort"] for each in ports}

    assert service["spec"]["selector"].items() <= labels.items()
    (port,) = service["spec"]["ports"]
    assert named[port["targetPort"]] == port["port"] == 50051
    assert container(gateway)["readinessProbe"]["grpc"]["port"] == 50051
    assert served(objects)["applications"][0]["args"]["address"] == "0.0.0.0:50051"


def test_no_other_pod_has_the_labels_of_a_gateway(objects):
    others = [group for name, group in groups(objects).items() if name != "gateway"]

    roles = {each["template"]["metadata"]["labels"]["headgate/role"] for each in others}
    assert roles == {"head", "model"}


def test_prometheus_finds_the_metrics_of_gateways_and_of_ray(objects):
    service = next(each for each in of_kind(objects, "Service") if "clusterIP" in each["spec"])
    gateway = groups(objects)["gateway"]
    named = {each["name"]: each["containerPort"] for each in container(gateway)["ports"]}
    annotations = gateway["template"]["metadata"]["annotations"]

    ports = {named[each["targetPort"]] for each in service["spec"]["ports"]}
    assert ports == {9464, 8080}
    assert annotations["prometheus.io/port"] == "9464"
    assert served(objects)["applications"][0]["args"]["metrics_address"] == "0.0.0.0:9464"


def test_a_service_monitor_selects_the_metrics_service():
    monitor = yaml.safe_load(
        (KUBERNETES / "components/prometheus-operator/service-monitor.yaml").read_text()
    )
    service = next(
        each for each in of_kind(shipped("base"), "Service") if "clusterIP" in each["spec"]
    )

    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    ports = {each["name"] for each in service["spec"]["ports"]}
    assert {each["port"] for each in monitor["spec"]["endpoints"]} == ports


def test_each_pod_for_gateways_has_room_for_one_and_for_nothing_else(objects):
    (options,) = [
        each["ray_actor_options"]
        for each in served(objects)["applications"][0]["deployments"]
        if each["name"] == "Gateway"
    ]

    assert options == {"num_cpus": 0, "resources": {"headgate_gateway": 1}}
    assert groups(objects)["gateway"]["resources"] == {"CPU": "0", "headgate_gateway": "1"}
    assert groups(objects)["head"]["resources"] == {"CPU": "0"}


@pytest.mark.parametrize("folder", ["base", "overlays/cpu", "overlays/gpu"])
def test_there_are_as_many_pods_as_gateways_and_room_to_replace_them(folder):
    gateway = groups(shipped(folder))["gateway"]
    (deployment,) = served(shipped(folder))["applications"][0]["deployments"]

    assert gateway["replicas"] == gateway["minReplicas"] == deployment["num_replicas"]
    assert gateway["maxReplicas"] == 2 * gateway["minReplicas"]


def test_a_gateway_that_does_not_serve_is_not_killed(objects):
    """Serve restarts gateways; Kubernetes looks after the node, or a failed deploy kills all."""
    pod = container(groups(objects)["gateway"])

    for probe in ("startupProbe", "livenessProbe"):
        assert pod[probe]["httpGet"] == {"path": "/api/healthz", "port": 52365}


def test_the_time_to_stop_is_longer_than_the_drain(objects):
    gateway = groups(objects)["gateway"]
    wait = int(container(gateway)["lifecycle"]["preStop"]["exec"]["command"][1])

    assert gateway["template"]["spec"]["terminationGracePeriodSeconds"] > wait + DRAIN_S


def test_no_pod_may_do_more_than_it_must(objects):
    for group in groups(objects).values():
        pod, inside = group["template"]["spec"], container(group)["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert inside == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_what_must_be_written_is_a_volume(objects):
    for group in groups(objects).values():
        mounts = {each["name"]: each for each in container(group)["volumeMounts"]}
        volumes = {each["name"] for each in group["template"]["spec"]["volumes"]}
        assert set(mounts) == volumes == {"state", "artifacts", "tmp", "cache"}
        assert mounts["tmp"]["mountPath"] == "/tmp"  # noqa: S108 - the pod's own
        assert mounts["state"]["mountPath"] == "/var/lib/headgate"
        assert mounts["artifacts"]["readOnly"] is True


def test_the_autoscaler_is_confined_as_well(objects):
    options = ray_service(objects)["spec"]["rayClusterConfig"]["autoscalerOptions"]

    assert options["securityContext"] == container(groups(objects)["head"])["securityContext"]
    assert [each["name"] for each in options["volumeMounts"]] == ["tmp"]


def test_pods_get_what_they_ask_for(objects):
    for group in groups(objects).values():
        resources = container(group)["resources"]
        assert resources["requests"] == resources["limits"]
        assert {"cpu", "memory"} <= set(resources["limits"])


def test_models_have_no_rights_in_kubernetes(objects):
    (account,) = of_kind(objects, "ServiceAccount")
    pods = [each["template"]["spec"] for name, each in groups(objects).items() if name != "head"]

    assert account["automountServiceAccountToken"] is False
    assert {each["serviceAccountName"] for each in pods} == {account["metadata"]["name"]}
    assert not any(each["automountServiceAccountToken"] for each in pods)


def test_ray_asks_for_a_token_and_none_is_here(objects):
    cluster = ray_service(objects)["spec"]["rayClusterConfig"]

    assert cluster["authOptions"] == {"mode": "token"}
    assert of_kind(objects, "Secret") == []
    assert not re.search(r"(?i)auth_token|password|api_key", yaml.safe_dump(objects))


def test_versions_are_those_that_are_tested(objects):
    pinned = re.search(r"^ray==(.+)$", (REPOSITORY / "constraints.txt").read_text(), re.M)
    images = {container(each)["image"] for each in groups(objects).values()}

    assert ray_service(objects)["spec"]["rayClusterConfig"]["rayVersion"] == pinned[1]
    assert {each.rpartition(":")[2] for each in images} == {headgate.__version__}


def test_only_the_gpu_overlay_has_gpus():
    def gpus(folder):
        every = groups(shipped(folder)).values()
        return [
            each for each in every if "nvidia.com/gpu" in container(each)["resources"]["limits"]
        ]

    assert gpus("overlays/cpu") == []
    (group,) = gpus("overlays/gpu")
    assert container(group)["image"].startswith("headgate-gpu:")


def test_a_gateway_stays_when_machines_are_drained():
    (budget,) = of_kind(shipped("overlays/cpu"), "PodDisruptionBudget")
    labels = groups(shipped("overlays/cpu"))["gateway"]["template"]["metadata"]["labels"]

    assert budget["spec"]["minAvailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert of_kind(shipped("overlays/development"), "PodDisruptionBudget") == []


def test_rays_autoscaler_reads_the_groups_as_we_mean_them():
    """By Ray's own function, which the autoscaler beside the head calls."""
    from ray.autoscaler._private.kuberay import autoscaling_config

    spec = ray_service(shipped("overlays/gpu"))["spec"]["rayClusterConfig"]
    made = autoscaling_config._derive_autoscaling_config_from_ray_cr(
        {"metadata": {"name": "headgate", "namespace": "headgate"}, "spec": spec}
    )

    found = {name: each["resources"] for name, each in made["available_node_types"].items()}
    kept = {
        name: {each: amount for each, amount in resources.items() if each != "memory"}
        for name, resources in found.items()
    }
    assert kept == {
        "headgroup": {"CPU": 0},
        "gateway": {"CPU": 0, "headgate_gateway": 1},
        "cpu": {"CPU": 4},
        "gpu": {"CPU": 6, "GPU": 1},
    }
