import json
from dataclasses import replace

import pytest

from fakes.fitted_parts import write_parts
from fakes.placed_cascades import with_encoder, with_large_model
from headgate.artifact import Artifact
from headgate.cascade.load import inline
from headgate.errors import ArtifactError
from headgate.serving.cluster.body import body_of, cluster_body, disputed, part_of
from headgate.serving.cluster.settings import AskedSettings, GatewaySettings

SETTINGS = GatewaySettings("0.0.0.0:50051", "/state", "0.0.0.0:9100", replicas=2)


def by_name(body):
    return {each["name"]: each for each in body["applications"]}


def options_of(application):
    (deployment,) = application["deployments"]
    return deployment


def test_a_cascade_without_placed_models_is_the_gateway_alone(parts):
    body = cluster_body([parts], SETTINGS)
    (gateway,) = body["applications"]

    assert body["proxy_location"] == "Disabled"
    assert body["http_options"]["host"] == "127.0.0.1"
    assert gateway["name"] == "headgate"
    assert gateway["import_path"] == "headgate.serving.builders:gateway"
    assert gateway["args"] == {
        "address": "0.0.0.0:50051",
        "state_dir": "/state",
        "metrics_address": "0.0.0.0:9100",
    }
    assert options_of(gateway)["num_replicas"] == 2
    assert options_of(gateway)["user_config"]["cascades"] == [inline(parts)]


def test_the_body_is_json_as_it_comes_back(parts, tmp_path):
    """What Serve tells of an application is compared with it."""
    body = cluster_body([parts, with_encoder(tmp_path / "e")], SETTINGS)

    assert json.loads(json.dumps(body)) == body


def test_the_order_of_the_files_changes_nothing(parts, pairs):
    assert cluster_body([parts, pairs], SETTINGS) == cluster_body([pairs, parts], SETTINGS)


def test_an_encoder_has_an_application_that_scales_and_knows_nothing_of_the_cascade(tmp_path):
    loaded = with_encoder(
        tmp_path,
        more="replicas: {min: 1, max: 3}, resources: {cpu: 2, gpu: 0.5, labels: {disk: fast}}",
    )

    _, encoder = cluster_body([loaded], SETTINGS)["applications"]

    assert encoder["name"].startswith("headgate-encoder-")
    assert encoder["import_path"] == "headgate.serving.builders:encoder"
    assert set(encoder["args"]) == {"model", "fingerprint", "files"}
    assert options_of(encoder)["autoscaling_config"]["max_replicas"] == 3
    assert options_of(encoder)["ray_actor_options"] == {
        "num_cpus": 2.0,
        "num_gpus": 0.5,
        "label_selector": {"disk": "fast"},
    }


def test_a_prompt_changes_nothing_of_the_models(tmp_path, parts):
    """Otherwise the replicas of an encoder would be restarted for it."""
    encoder, large = with_encoder(tmp_path / "e"), with_large_model(tmp_path / "l", parts)
    reworded = (
        replace(encoder, prompts={"decide": "Which one?"}),
        replace(large, prompts={"decide": "Which one?"}),
    )

    gateway, *models = cluster_body([encoder, large], SETTINGS)["applications"]
    regateway, *remodels = cluster_body(reworded, SETTINGS)["applications"]

    assert models == remodels
    assert gateway["args"] == regateway["args"]
    assert options_of(gateway) != options_of(regateway)


def test_a_new_fit_into_the_same_directory_is_a_change_of_the_gateway(parts):
    (gateway,) = cluster_body([parts], SETTINGS)["applications"]

    revision = Artifact.open(parts.artifact).revision
    assert options_of(gateway)["user_config"]["artifacts"] == {"parts": revision}


def test_a_cascade_that_is_not_fitted_has_no_part(parts, tmp_path):
    with pytest.raises(ArtifactError):
        part_of(replace(parts, artifact=str(tmp_path / "gone")))


def test_a_large_model_with_replicas_of_its_own_may_rest(parts, tmp_path):
    _, large = cluster_body([with_large_model(tmp_path, parts)], SETTINGS)["applications"]

    assert large["name"].startswith("headgate-lm-")
    assert large["import_path"] == "headgate.serving.builders:large_model"
    assert options_of(large)["autoscaling_config"]["min_replicas"] == 0


def test_who_shares_a_model_and_wants_it_placed_differently_is_told(parts, tmp_path):
    first = part_of(with_large_model(tmp_path / "a", parts, "first", more="replicas: {max: 2}"))
    second = part_of(with_large_model(tmp_path / "b", parts, "second", more="replicas: {max: 5}"))
    same = part_of(with_large_model(tmp_path / "c", parts, "third", more="replicas: {max: 5}"))

    (line,) = disputed([first, second, same])

    assert "as 'third' says; 'first' wants" in line
    assert list(disputed([second, same])) == []
    assert list(disputed([first, part_of(parts)])) == []


def test_cascades_that_mean_the_same_weights_share_an_application(parts, tmp_path):
    first = with_large_model(tmp_path / "a", parts, "first", more="replicas: {max: 2}")
    second = with_large_model(tmp_path / "b", parts, "second", more="replicas: {max: 5}")

    gateway, large = cluster_body([first, second], SETTINGS)["applications"]

    assert options_of(large)["autoscaling_config"]["max_replicas"] == 5  # the later one's
    used = options_of(gateway)["user_config"]["models"]
    assert used == {
        "first": {large["name"]: large["args"]},
        "second": {large["name"]: large["args"]},
    }


def test_arguments_that_run_are_kept_where_a_cascade_still_means_them(tmp_path):
    """The same encoder in two artifacts: which one it was loaded from makes no difference."""
    part = part_of(with_encoder(tmp_path))
    (encoder,) = part.applications
    elsewhere = {**encoder["args"], "files": {"artifact": "/elsewhere", "folder": "encoder_slm"}}
    other = replace(part, applications=({**encoder, "args": elsewhere},))
    unknown = {**elsewhere, "fingerprint": "of-old"}

    def chosen(running):
        body = body_of([part, other], SETTINGS, running={encoder["name"]: running})
        return by_name(body)[encoder["name"]]["args"]

    assert chosen(encoder["args"]) == encoder["args"]
    assert chosen(elsewhere) == elsewhere
    assert chosen(unknown) == elsewhere  # the later one's


def test_gateways_that_follow_their_calls_have_bounds(parts):
    settings = replace(SETTINGS, replicas=2, most_replicas=6)

    (gateway,) = cluster_body([parts], settings)["applications"]

    assert "num_replicas" not in options_of(gateway)
    assert options_of(gateway)["autoscaling_config"]["min_replicas"] == 2
    assert options_of(gateway)["autoscaling_config"]["max_replicas"] == 6


@pytest.mark.parametrize("most", [None, 6], ids=["fixed", "between-bounds"])
def test_settings_are_read_back_from_the_application(parts, most):
    settings = replace(SETTINGS, most_replicas=most)

    (gateway,) = cluster_body([parts], settings)["applications"]

    assert GatewaySettings.of(gateway) == settings


@pytest.mark.parametrize(
    "application",
    [{}, {"args": {}, "deployments": []}, {"args": {"address": 7}, "deployments": [{"name": "x"}]}],
)
def test_an_application_of_somebody_else_has_no_settings(application):
    assert GatewaySettings.of(application) is None


def test_what_nobody_says_of_gateways_stays_as_it_is():
    assert AskedSettings().over(SETTINGS, "127.0.0.1") == SETTINGS


def test_the_first_gateways_listen_where_they_may():
    assert AskedSettings().over(None, "127.0.0.1") == GatewaySettings("127.0.0.1:50051")
    assert AskedSettings(metrics_port=9100).over(None, "::").metrics_address == "[::]:9100"


def test_a_new_host_is_that_of_the_metrics_too():
    changed = AskedSettings(host="10.0.0.1", port=7000).over(SETTINGS, "127.0.0.1")

    assert changed.arguments == {
        "address": "10.0.0.1:7000",
        "state_dir": "/state",
        "metrics_address": "10.0.0.1:9100",
    }


@pytest.mark.parametrize(
    ("fewest", "most", "counted"),
    [
        pytest.param(3, None, (3, None), id="fixed"),
        pytest.param(None, 4, (2, 4), id="more-than-there-are"),
        pytest.param(3, 3, (3, None), id="equal-bounds"),
        pytest.param(None, 1, (2, None), id="fewer-than-there-are"),
    ],
)
def test_the_number_of_gateways_is_fixed_or_between_bounds(fewest, most, counted):
    changed = AskedSettings(replicas=fewest, most_replicas=most).over(SETTINGS, "127.0.0.1")

    assert (changed.replicas, changed.most_replicas) == counted


def test_a_model_of_ray_serve_llm_answers_http_through_a_proxy_on_loopback(parts, tmp_path):
    block = "{kind: lm, engine: ray_llm, model: house/large, accelerator: L4}"
    loaded = write_parts(tmp_path, "served", artifact=parts.artifact, large_model=block)

    body = cluster_body([loaded], SETTINGS)

    (_, large) = body["applications"]
    assert body["proxy_location"] == "EveryNode"
    assert body["http_options"]["host"] == "127.0.0.1"
    assert large["name"].startswith("headgate-llm-")
    assert large["import_path"] == "ray.serve.llm:build_openai_app"
    assert large["route_prefix"].startswith("/llm/")
