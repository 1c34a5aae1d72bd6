from copy import deepcopy

import pytest

from headgate.serving.cluster.changes import Change, changes, differences
from headgate.serving.cluster.scopes import APPLICATION_KEYS, DEPLOYMENT_KEYS, Scope


def cascade(name="logs", **spec):
    """An inlined cascade, as far as it is compared."""
    return {
        "document": {"metadata": {"name": name}, "spec": {"flow": [{"name": "decide"}], **spec}},
        "prompts": {"decide": "Say which."},
        "artifact": "/srv/logs",
    }


def body(*others, cascades=(), artifacts=None, **options):
    """A body whose gateway has these cascades and options."""
    config = {"cascades": list(cascades), "artifacts": artifacts or {}, "previous": None}
    gateway = {
        "name": "headgate",
        "route_prefix": None,
        "import_path": "headgate.serving.builders:gateway",
        "args": {"address": "0.0.0.0:50051"},
        "deployments": [{"name": "Gateway", "num_replicas": 1, "user_config": config} | options],
    }
    return {
        "proxy_location": "Disabled",
        "http_options": {"host": "127.0.0.1", "port": 8000},
        "applications": [gateway, *others],
    }


def encoder(**options):
    """The application of an encoder."""
    scaling = {"min_replicas": 1, "max_replicas": 2, "policy": {"policy_function": "a:b"}}
    deployment = {"name": "Encoder", "autoscaling_config": scaling, "ray_actor_options": {}}
    return {
        "name": "headgate-encoder-1a",
        "import_path": "headgate.serving.builders:encoder",
        "args": {"model": {"source": "embedded"}},
        "deployments": [deployment | options],
    }


def running(of, **others):
    """What Serve says of itself while it runs this body."""
    apps = {
        each["name"]: {"name": each["name"], "deployed_app_config": deepcopy(each)}
        for each in of["applications"]
    }
    options = {**of["http_options"], "root_path": "", "keep_alive_timeout_s": 90}
    return {
        "proxy_location": of["proxy_location"],
        "http_options": options,
        "applications": apps | others,
    }


def scopes(before, after):
    """Return what changes in the gateway, key by key."""
    found = changes(running(before), after)
    assert {each.app for each in found} <= {"headgate"}
    return {each.key: each.scope for each in found}


def test_the_same_body_changes_nothing():
    same = body(encoder(), cascades=[cascade()])

    assert changes(running(same), deepcopy(same)) == []


def test_everything_is_new_where_nothing_runs():
    found = changes({"applications": {}}, body(encoder()))

    assert found == [
        Change("headgate", "", "", Scope.NEW),
        Change("headgate-encoder-1a", "", "", Scope.NEW),
    ]


def test_what_is_ours_and_not_named_is_removed_and_others_are_left_alone():
    found = changes(running(body(encoder()), theirs={"name": "theirs"}), body())

    assert found == [Change("headgate-encoder-1a", "", "", Scope.REMOVED)]


def test_prompts_thresholds_and_budgets_of_a_cascade_change_in_place():
    old = cascade(deferral={"budget": {"usd_per_hour": 1}})
    new = cascade(deferral={"budget": {"usd_per_hour": 2}})
    new["prompts"]["decide"] = "Say which, in one word."

    before = body(cascades=[old], artifacts={"logs": "1a"})
    after = body(cascades=[new], artifacts={"logs": "2b"})

    assert scopes(before, after) == {
        "cascade logs: spec.deferral.budget.usd_per_hour": Scope.IN_PLACE,
        "cascade logs: prompts.decide": Scope.IN_PLACE,
        "cascade logs: artifact revision": Scope.IN_PLACE,
    }


def test_a_stage_is_named_where_it_differs():
    old, new = cascade(flow=[{"name": "decide"}]), cascade(flow=[{"name": "decide", "model": "b"}])

    assert scopes(body(cascades=[old]), body(cascades=[new])) == {
        "cascade logs: spec.flow.decide.model": Scope.IN_PLACE
    }


def test_cascades_come_and_go_in_place():
    before, after = body(cascades=[cascade()]), body(cascades=[cascade("news")])

    assert scopes(before, after) == {
        "cascade news: new": Scope.IN_PLACE,
        "cascade logs: removed": Scope.IN_PLACE,
    }


def test_what_deploy_keeps_for_a_rollback_is_no_change():
    kept = body(cascades=[cascade()])
    kept["applications"][0]["deployments"][0]["user_config"]["previous"] = [{"name": "headgate"}]

    assert scopes(body(cascades=[cascade()]), kept) == {}


def test_more_gateways_restart_none():
    assert scopes(body(), body(num_replicas=3)) == {"num_replicas": Scope.IN_PLACE}


def test_another_address_restarts_the_gateways():
    after = body()
    after["applications"][0]["args"] = {"address": "0.0.0.0:50052"}

    assert scopes(body(), after) == {"args.address": Scope.APPLICATION}


@pytest.mark.parametrize(
    ("options", "key", "scope"),
    [
        pytest.param(
            {"autoscaling_config": {"min_replicas": 2, "max_replicas": 2}},
            "autoscaling_config.min_replicas",
            Scope.IN_PLACE,
            id="numbers",
        ),
        pytest.param(
            {"autoscaling_config": None}, "autoscaling_config", Scope.APPLICATION, id="block-goes"
        ),
        pytest.param(
            {"ray_actor_options": {"num_gpus": 1}},
            "ray_actor_options.num_gpus",
            Scope.DEPLOYMENT,
            id="resources",
        ),
        pytest.param(
            {"max_ongoing_requests": 9}, "max_ongoing_requests", Scope.IN_PLACE, id="queue"
        ),
        pytest.param({"of_a_later_ray": 1}, "of_a_later_ray", Scope.APPLICATION, id="unknown-key"),
    ],
)
def test_a_key_of_an_encoder_has_its_scope(options, key, scope):
    before = encoder(autoscaling_config={"min_replicas": 1, "max_replicas": 2})
    scaling = {"autoscaling_config": {"min_replicas": 1, "max_replicas": 2}}

    found = changes(running(body(before)), body(encoder(**(scaling | options))))

    assert found == [Change("headgate-encoder-1a", "Encoder", key, scope)]


def test_another_policy_restarts_the_application():
    other = encoder(autoscaling_config={"min_replicas": 1, "max_replicas": 2, "policy": None})

    (found,) = changes(running(body(encoder())), body(other))

    assert (found.key, found.scope) == ("autoscaling_config.policy", Scope.APPLICATION)


def test_how_serve_was_started_stays_until_it_starts_anew():
    after = {**body(), "proxy_location": "EveryNode", "http_options": {"host": "127.0.0.1"}}
    after["http_options"]["port"] = 8001

    assert changes(running(body()), after) == [
        Change("", "", "proxy_location", Scope.NEXT_START),
        Change("", "", "http_options.port", Scope.NEXT_START),
    ]


def test_an_application_of_which_serve_has_no_configuration_counts_as_new():
    """Such as one that `serve.run` started, or that is being deleted."""
    found = changes({"applications": {"headgate": {"name": "headgate"}}}, body())

    assert found == [Change("headgate", "", "", Scope.NEW)]


def test_another_order_of_stages_is_a_difference():
    one, other = [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}]

    assert differences({"flow": one}, {"flow": other}) == ["flow"]
    assert differences([1, 2], [2]) == [""]
    assert differences({"a": {"b": 1}}, {"a": {"b": 1}}) == []


@pytest.mark.slow
def test_every_key_of_the_installed_ray_has_a_scope():
    from ray.serve.schema import DeploymentSchema, ServeApplicationSchema

    obsolete = {"host", "port"}
    assert set(DeploymentSchema.model_fields) - {"name"} == set(DEPLOYMENT_KEYS)
    assert set(ServeApplicationSchema.model_fields) - {"name", "deployments"} - obsolete == set(
        APPLICATION_KEYS
    )


APP_VALUES = {
    "import_path": "other:app",
    "args": {"a": 1},
    "runtime_env": {"env_vars": {"A": "1"}},
    "autoscaling_policy": {"policy_function": "a:b"},
    "route_prefix": "/other",
    "logging_config": {"log_level": "DEBUG"},
    "external_scaler_enabled": True,
}


@pytest.mark.slow
@pytest.mark.parametrize("key", APP_VALUES)
def test_what_restarts_an_application_is_what_ray_hashes(key):
    from ray.serve._private.deploy_utils import get_app_code_version
    from ray.serve.schema import ServeApplicationSchema

    plain = {"name": "a", "import_path": "module:app", "deployments": []}
    versions = [
        get_app_code_version(ServeApplicationSchema(**each))
        for each in (plain, plain | {key: APP_VALUES[key]})
    ]

    assert (versions[0] != versions[1]) is (APPLICATION_KEYS[key] is Scope.APPLICATION)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("autoscaling_config", {"min_replicas": 1}),
        ("request_router_config", {"request_router_kwargs": {"a": 1}}),
        ("deployment_actors", [{"name": "a", "actor_class": "a:B"}]),
    ],
)
def test_a_key_of_a_deployment_that_restarts_the_application_is_in_ray_s_hash(key, value):
    from ray.serve._private.deploy_utils import get_app_code_version
    from ray.serve.schema import ServeApplicationSchema

    versions = [
        get_app_code_version(
            ServeApplicationSchema(
                name="a", import_path="module:app", deployments=[{"name": "D", **each}]
            )
        )
        for each in ({}, {key: value})
    ]

    assert versions[0] != versions[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ray_actor_options", {"num_gpus": 1}),
        ("placement_group_bundles", [{"CPU": 2}]),
        ("placement_group_strategy", "SPREAD"),
        ("placement_group_bundle_label_selector", [{"a": "b"}]),
        ("max_replicas_per_node", 2),
        ("user_config", {"a": 1}),
        ("max_ongoing_requests", 7),
        ("graceful_shutdown_timeout_s", 7.0),
        ("health_check_period_s", 7.0),
        ("num_replicas", 7),
        ("max_surge_percent", 50),
    ],
)
def test_what_restarts_a_deployment_is_what_ray_restarts(key, value):
    from ray.serve._private.config import DeploymentConfig
    from ray.serve._private.version import DeploymentVersion

    def version(**given):
        config = {
            name: each for name, each in given.items() if name in DeploymentConfig.model_fields
        }
        rest = {name: each for name, each in given.items() if name not in config}
        return DeploymentVersion(
            "1", DeploymentConfig(**config), **({"ray_actor_options": {}} | rest)
        )

    restarts = version().requires_actor_restart(version(**{key: value}))

    assert restarts is (DEPLOYMENT_KEYS[key] is Scope.DEPLOYMENT)
