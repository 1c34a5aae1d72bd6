"""How many replicas are wanted, with contexts as Serve makes them and demand that is made up."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.cascade.model_spec import EncoderSpec
from headgate.cascade.placement_spec import ResourcesSpec
from headgate.serving.demand import Demand
from headgate.serving.scaling import (
    EscalationPolicy,
    GatewayPolicy,
    actor_options,
    encoder_scaling,
    gateway_scaling,
    large_model_scaling,
)


@dataclass
class Context:
    """What Serve tells a policy."""

    total_num_requests: float = 0.0
    current_num_replicas: int = 1
    target_num_replicas: int = 1
    capacity_adjusted_min_replicas: int = 0
    capacity_adjusted_max_replicas: int = 8
    aggregated_metrics: dict = field(default_factory=dict)


def local(**settings):
    keys = {"kind": "lm", "engine": "transformers", "source": "org/name", **settings}
    return TransformersSpec.model_validate(keys)


def in_cluster(**settings):
    keys = {"kind": "lm", "engine": "ray_llm", "model": "org/name", **settings}
    return RayLlmSpec.model_validate(keys)


def wanted(demand, context=None, *, busy=0.7, calls_at_once=1):
    policy = EscalationPolicy("k", busy, calls_at_once, look=lambda key: demand)
    return policy(context or Context())[0]


@pytest.mark.parametrize(
    ("demand", "replicas"),
    [
        pytest.param(Demand(10.0, 0.2, 3, 9), 3, id="10-a-second-of-200-ms"),  # 2 / .7 = 2.86
        pytest.param(Demand(3.0, 0.2, 1, 2), 1, id="3-a-second-of-200-ms"),  # .6 / .7 = .86
        pytest.param(Demand(4.0, 0.2, 1, 2), 2, id="4-a-second-of-200-ms"),  # .8 / .7 = 1.14
        pytest.param(Demand(1.0, 4.0, 5, 6), 6, id="1-a-second-of-4-s"),  # 4 / .7 = 5.7
        pytest.param(Demand(0.0, 4.0, 0, 0), 0, id="nothing"),
        pytest.param(Demand(0.0, 4.0, 1, 1), 1, id="one-slow-call-under-way"),
        pytest.param(Demand(0.3, None, 1, 1), 1, id="nobody-knows-how-long-one-takes"),
        pytest.param(Demand(0.1, 0.1, 0, 1), 1, id="asked-a-moment-ago"),
        pytest.param(Demand(100.0, 10.0, 40, 40), 8, id="more-than-there-may-be"),
    ],
)
def test_replicas_follow_what_is_sent_on(demand, replicas):
    assert wanted(demand) == replicas


def test_a_replica_that_answers_several_calls_at_once_counts_for_several():
    """20 a second of 2 s are 40 calls at once; 16 at 70 % are 11.2 a replica: 3.6."""
    assert wanted(Demand(20.0, 2.0, 40, 60), busy=0.7, calls_at_once=16) == 4


def test_waiting_for_a_slow_start_does_not_look_like_slow_calls():
    """5 a second that took 60 s, since the first replica was starting: 32 were there at most."""
    assert wanted(Demand(5.0, 60.0, 8, 32), calls_at_once=16) == 3  # 32 / 11.2
    assert wanted(Demand(5.0, 60.0, 8, 10), calls_at_once=16) == 1


def test_slow_calls_that_wait_keep_their_replicas_although_no_more_come():
    """12 of 10 s take one replica 120 s: 4 are done in 30, and 6 are at work for 70 %."""
    assert wanted(Demand(0.0, 10.0, 12, 40)) == 6
    assert wanted(Demand(0.0, 0.2, 60, 60)) == 1


def test_what_serve_itself_sees_waiting_keeps_one_replica():
    assert wanted(Demand(0.0, 1.0, 0, 0), Context(total_num_requests=0.4)) == 1


def test_without_the_board_replicas_follow_the_requests_that_serve_sees():
    """3 / .7 = 4.3."""
    assert wanted(None, Context(total_num_requests=3.0)) == 5
    assert wanted(None, Context(total_num_requests=0.0)) == 0


def test_replicas_that_start_go_on_as_long_as_somebody_waits():
    """Until one runs nobody new may come, and the rate that started three falls."""
    starting = Context(current_num_replicas=0, target_num_replicas=3)

    assert wanted(Demand(0.0, 0.2, 40, 40), starting) == 3
    assert wanted(Demand(30.0, 0.2, 40, 40), starting) == 8
    assert wanted(Demand(0.0, 0.2, 0, 0), starting) == 0
    assert wanted(Demand(0.0, 0.2, 40, 40), Context(target_num_replicas=3)) == 1


def test_bounds_of_the_file_hold():
    assert wanted(Demand(0.0, None, 0, 0), Context(capacity_adjusted_min_replicas=2)) == 2
    assert wanted(Demand(9.0, 1.0, 9, 9), Context(capacity_adjusted_max_replicas=3)) == 3


demands = st.none() | st.builds(
    Demand,
    per_s=st.floats(0, 1e4),
    seconds=st.none() | st.floats(0, 600),
    under_way=st.integers(0, 10_000),
    most=st.integers(0, 10_000),
)


@given(
    demand=demands,
    least=st.integers(0, 5),
    more=st.integers(0, 60),
    busy=st.floats(0.01, 1),
    at_once=st.integers(1, 64),
    waiting=st.floats(0, 1e4),
)
def test_never_outside_the_bounds_and_never_none_while_something_is_asked(
    demand, least, more, busy, at_once, waiting
):
    most = max(least + more, 1)
    context = Context(
        total_num_requests=waiting,
        capacity_adjusted_min_replicas=least,
        capacity_adjusted_max_replicas=most,
    )

    found = wanted(demand, context, busy=busy, calls_at_once=at_once)

    assert least <= found <= most
    if waiting > 0 or (demand and demand.under_way):
        assert found >= 1


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.01, 10))
def test_more_escalations_never_want_fewer_replicas(one, other, seconds):
    fewer, more = sorted((one, other))

    assert wanted(Demand(fewer, seconds, 0, 10_000)) <= wanted(Demand(more, seconds, 0, 10_000))


@pytest.mark.parametrize(
    ("in_flight", "gateways"),
    [
        pytest.param({"a": 8.0, "b": 8.0}, 1, id="as-many-as-one-is-meant-to-have"),
        pytest.param({"a": 9.0, "b": 8.0}, 2, id="one-more"),
        pytest.param({"a": 100.0}, 5, id="more-than-there-may-be"),
        pytest.param({"a": 0.0}, 1, id="idle"),
        pytest.param({}, 3, id="nothing-recorded"),
    ],
)
def test_gateways_follow_the_calls_at_work_in_them(in_flight, gateways):
    context = Context(
        target_num_replicas=3,
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=5,
        aggregated_metrics={"in_flight": in_flight},
    )

    assert GatewayPolicy(16)(context) == (gateways, {})


def test_gateways_that_record_nothing_stay_as_many_as_they_are():
    assert GatewayPolicy(16)(Context(target_num_replicas=2, aggregated_metrics=None)) == (2, {})


def test_an_encoder_scales_by_its_batches():
    spec = EncoderSpec.model_validate(
        {"kind": "encoder", "replicas": {"min": 2, "max": 5}, "scaling": {"batches": 3}}
    )

    assert encoder_scaling(spec) == {
        "min_replicas": 2,
        "max_replicas": 5,
        "target_ongoing_requests": 3.0,
        "upscale_delay_s": 2.0,
        "downscale_delay_s": 60.0,
        "look_back_period_s": 12.0,
    }


def test_a_large_model_scales_by_a_policy_that_serve_finds_by_name():
    spec = local(
        replicas={"min": 0, "max": 3},
        scaling={"busy": 0.5, "up_after_s": 3, "down_after_s": 9, "zero_after_s": 90},
    )

    assert large_model_scaling(spec, "k") == {
        "min_replicas": 0,
        "max_replicas": 3,
        "upscale_delay_s": 3.0,
        "downscale_delay_s": 9.0,
        "downscale_to_zero_delay_s": 90.0,
        "look_back_period_s": 12.0,
        "policy": {
            "policy_function": "headgate.serving.scaling:EscalationPolicy",
            "policy_kwargs": {"key": "k", "busy": 0.5, "calls_at_once": 1},
        },
    }
    kwargs = large_model_scaling(in_cluster(), "k")["policy"]["policy_kwargs"]
    assert kwargs == {"key": "k", "busy": 0.7, "calls_at_once": 16}


def test_what_a_replica_reserves_is_told_as_ray_names_it():
    nothing = ResourcesSpec()
    much = ResourcesSpec(cpu=4.0, gpu=1.0, memory_mb=2, accelerator="L4", labels={"zone": "a"})

    assert actor_options(nothing) == {"num_cpus": 1.0, "num_gpus": 0.0}
    assert actor_options(much) == {
        "num_cpus": 4.0,
        "num_gpus": 1.0,
        "memory": 2 * 1024 * 1024,
        "accelerator_type": "L4",
        "label_selector": {"zone": "a"},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "scaling",
    [
        pytest.param(encoder_scaling(EncoderSpec(kind="encoder")), id="encoder"),
        pytest.param(large_model_scaling(local(), "k"), id="transformers"),
        pytest.param(large_model_scaling(in_cluster(), "k"), id="ray_llm"),
        pytest.param(gateway_scaling(1, 4), id="gateway"),
    ],
)
def test_serve_takes_each_configuration_and_can_call_its_policy(scaling):
    """Serve pickles a policy by value and calls it in its controller."""
    from ray.serve.config import AutoscalingConfig

    policy = AutoscalingConfig(**scaling).policy
    if "policy" in scaling:
        assert policy.policy_kwargs == scaling["policy"]["policy_kwargs"]
        assert callable(policy.get_policy()(**policy.policy_kwargs))
