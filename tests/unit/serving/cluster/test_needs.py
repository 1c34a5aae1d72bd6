from headgate.serving.cluster.needs import needs_of

GATEWAY = {
    "name": "headgate",
    "import_path": "headgate.serving.builders:gateway",
    "deployments": [
        {
            "name": "Gateway",
            "num_replicas": 2,
            "ray_actor_options": {"num_cpus": 0.1},
            "user_config": {"models": {"logs": {"headgate-encoder-1a": {}}, "news": {}}},
        }
    ],
}


def encoder(**options):
    """An application of one encoder, with these options in place of the usual."""
    usual = {
        "name": "Encoder",
        "autoscaling_config": {"min_replicas": 1, "max_replicas": 3},
        "ray_actor_options": {"num_cpus": 2.0, "num_gpus": 0.0},
    }
    return {
        "name": "headgate-encoder-1a",
        "import_path": "headgate.serving.builders:encoder",
        "deployments": [usual | options],
    }


def llm(deployment=None, **config):
    """An application of Ray Serve LLM."""
    usual = {
        "model_loading_config": {"model_id": "big"},
        "accelerator_type": "L4",
        "engine_kwargs": {"tensor_parallel_size": 2},
        "deployment_config": {"autoscaling_config": {"min_replicas": 0, "max_replicas": 2}},
    }
    return {
        "name": "headgate-llm-2b",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [usual | config]},
        "deployments": [deployment] if deployment else [],
    }


def test_a_fixed_number_of_replicas_is_both_bounds():
    (need,) = needs_of([GATEWAY])

    assert (need.name, need.least, need.most) == ("headgate/Gateway", 2, 2)
    assert need.resources == {"CPU": 0.1}
    assert need.why.startswith("takes calls")


def test_scaling_gives_the_bounds_and_the_gateway_says_who_uses_a_model():
    _, need = needs_of([GATEWAY, encoder()])

    assert (need.least, need.most, need.resources) == (1, 3, {"CPU": 2.0})
    assert need.why == "encoder of logs"


def test_memory_labels_accelerator_and_custom_resources_are_read():
    options = {
        "num_gpus": 0.5,
        "memory": 1024,
        "resources": {"licence": 1},
        "accelerator_type": "L4",
        "label_selector": {"region": "eu"},
    }

    (need,) = needs_of([encoder(ray_actor_options=options, max_replicas_per_node=1)])

    assert need.resources == {"CPU": 1.0, "GPU": 0.5, "memory": 1024.0, "licence": 1.0}
    assert (need.accelerator, need.labels, need.per_node) == ("L4", {"region": "eu"}, 1)


def test_a_replica_without_options_takes_one_cpu_as_in_serve():
    (need,) = needs_of([encoder(ray_actor_options=None, autoscaling_config=None)])

    assert (need.resources, need.least, need.most) == ({"CPU": 1.0}, 1, 1)


def test_an_llm_takes_a_gpu_for_each_part_of_its_weights_and_a_cpu():
    model, ingress = needs_of([llm()])

    assert model.deployment == "LLMServer:big"
    assert model.resources == {"CPU": 1.0, "GPU": 2.0}
    assert (model.accelerator, model.least, model.most) == ("L4", 0, 2)
    assert (ingress.deployment, ingress.least, ingress.most) == ("OpenAiIngress", 0, 1)


def test_the_ingress_of_an_llm_that_never_rests_never_rests_either():
    _, ingress = needs_of([llm(deployment_config={"num_replicas": 1})])

    assert (ingress.least, ingress.resources) == (1, {"CPU": 1.0})


def test_an_override_of_the_ingress_counts():
    override = {"name": "OpenAiIngress", "ray_actor_options": {"num_cpus": 0.2}}

    _, ingress = needs_of([llm(override)])

    assert ingress.resources == {"CPU": 0.2}


def test_bundles_that_the_file_names_take_the_place_of_one_gpu_each():
    bundles = {"bundles": [{"GPU": 0.5}, {"GPU": 0.5, "CPU": 3}]}

    model, _ = needs_of([llm(placement_group_config=bundles)])

    assert model.resources == {"CPU": 4.0, "GPU": 1.0}
