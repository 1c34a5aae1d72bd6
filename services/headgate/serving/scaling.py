"""How many replicas each kind of deployment is to have, as Serve's autoscaler is told.

specs of a cascade file                      ->  autoscaling_config, ray_actor_options
what Serve counts, what gateways report      ->  replicas wanted

Serve applies the bounds and the delays of the configuration around what a policy wants. It calls
policies on the loop of its controller, so nothing in them waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from headgate.cascade.lm_spec import RayLlmSpec, TransformersSpec
from headgate.cascade.model_spec import EncoderSpec
from headgate.cascade.placement_spec import (
    EncoderScalingSpec,
    LmScalingSpec,
    ReplicasSpec,
    ResourcesSpec,
)
from headgate.serving.demand import Demand
from headgate.serving.demand_board import BoardReader

LOOK_BACK_S = 12.0
"""Serve averages its own counts over that long; it warns of 10 and less."""
RAY_LLM_CALLS_AT_ONCE = 16
"""Calls that a vLLM replica works on side by side without being much slower for each."""
DRAIN_S = 30.0
"""Seconds in which what is under way is to be answered when nothing else comes."""
GATEWAY_CALLS = 16
"""Calls at work that one gateway is meant to have where their number may change."""
GATEWAY_UP_AFTER_S = 5.0
GATEWAY_DOWN_AFTER_S = 120.0


def encoder_scaling(spec: EncoderSpec) -> dict[str, Any]:
    """Return the `autoscaling_config` of an encoder: by the batches under way at each replica."""
    return {
        **_bounds(spec.replicas),
        **_delays(spec.scaling),
        "target_ongoing_requests": spec.scaling.batches,
        "look_back_period_s": LOOK_BACK_S,
    }


def large_model_scaling(spec: TransformersSpec | RayLlmSpec, key: str) -> dict[str, Any]:
    """Return the `autoscaling_config` of a large model: by what is sent on to it.

    Args:
        spec: The model of the cascade file.
        key: What gateways report it by: `remote_large_model.large_model_key`.
    """
    at_once = 1 if isinstance(spec, TransformersSpec) else RAY_LLM_CALLS_AT_ONCE
    return {
        **_bounds(spec.replicas),
        **_delays(spec.scaling),
        "downscale_to_zero_delay_s": spec.scaling.zero_after_s,
        "look_back_period_s": LOOK_BACK_S,
        "policy": {
            "policy_function": "headgate.serving.scaling:EscalationPolicy",
            "policy_kwargs": {"key": key, "busy": spec.scaling.busy, "calls_at_once": at_once},
        },
    }


def gateway_scaling(minimum: int, maximum: int) -> dict[str, Any]:
    """Return the `autoscaling_config` of gateways, whose calls Serve does not see by itself."""
    return {
        "min_replicas": minimum,
        "max_replicas": maximum,
        "upscale_delay_s": GATEWAY_UP_AFTER_S,
        "downscale_delay_s": GATEWAY_DOWN_AFTER_S,
        "look_back_period_s": LOOK_BACK_S,
        "policy": {
            "policy_function": "headgate.serving.scaling:GatewayPolicy",
            "policy_kwargs": {"calls": GATEWAY_CALLS},
        },
    }


def actor_options(spec: ResourcesSpec) -> dict[str, Any]:
    """Return the `ray_actor_options` that reserve what a replica needs, where it may be."""
    options: dict[str, Any] = {"num_cpus": spec.cpu, "num_gpus": spec.gpu}
    if spec.memory_mb is not None:
        options["memory"] = spec.memory_mb * 1024 * 1024
    if spec.accelerator is not None:
        options["accelerator_type"] = spec.accelerator
    if spec.labels:
        options["label_selector"] = dict(spec.labels)
    return options


def _bounds(spec: ReplicasSpec) -> dict[str, Any]:
    return {"min_replicas": spec.min, "max_replicas": spec.max}


def _delays(spec: EncoderScalingSpec | LmScalingSpec) -> dict[str, Any]:
    return {"upscale_delay_s": spec.up_after_s, "downscale_delay_s": spec.down_after_s}


class ScalingContext(Protocol):
    """What Serve tells a policy, as far as ours look at it."""

    current_num_replicas: int
    target_num_replicas: int
    capacity_adjusted_min_replicas: int
    capacity_adjusted_max_replicas: int

    @property
    def total_num_requests(self) -> float:
        """Return the requests that wait or run, averaged over the time that Serve looks back."""

    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None:
        """Return what replicas record of themselves: by name, then by replica."""


Look = Callable[[str], Demand | None]
"""Returns at once what gateways ask of a large model; None when nobody tells."""


class EscalationPolicy:
    """Wants as many replicas of a large model as what is sent on to it keeps busy.

    replicas = escalations a second * seconds of one / (busy share * calls at once)

    That is the offered load (Erlang), so a queue that a slow start left does not count as one that
    will come again; there are only replicas enough to be done with it in `DRAIN_S`. The load is
    never more than what was under way at once lately.
    """

    def __init__(self, key: str, busy: float, calls_at_once: int, look: Look | None = None) -> None:
        """Prepare; Serve makes one for each large model, from `policy_kwargs`.

        Args:
            key: What gateways report the large model by.
            busy: Share of its time that a replica is meant to work, above 0 and at most 1.
            calls_at_once: Calls that one replica answers side by side.
            look: Where the demand is seen; the board of the cluster when absent.
        """
        self._key = key
        self._calls = busy * calls_at_once
        self._look = look or BoardReader().look

    def __call__(self, context: ScalingContext) -> tuple[int, dict[str, Any]]:
        """Return the replicas wanted, within the bounds, and no state."""
        demand = self._look(self._key)
        waiting = context.total_num_requests
        if demand is None:  # a cluster in trouble must not lose its large model, too
            return _within(context, math.ceil(waiting / self._calls)), {}
        seconds = demand.seconds or 0.0
        offered = max(demand.per_s * seconds, demand.under_way * seconds / DRAIN_S)
        load = min(offered, demand.most)
        asked = demand.per_s > 0 or demand.under_way > 0 or waiting > 0
        # Serve's delays do not hold before a first replica runs: those that start are to go on.
        starting = context.current_num_replicas == 0 and asked
        least = max(int(asked), context.target_num_replicas if starting else 0)
        return _within(context, max(math.ceil(load / self._calls), least)), {}


class GatewayPolicy:
    """Wants as many gateways as the calls at work in them need."""

    def __init__(self, calls: float) -> None:
        """Prepare; `calls` are how many at work one gateway is meant to have."""
        self._calls = calls

    def __call__(self, context: ScalingContext) -> tuple[int, dict[str, Any]]:
        """Return the gateways wanted, within the bounds and never none, and no state."""
        in_flight = (context.aggregated_metrics or {}).get("in_flight")
        if not in_flight:
            return context.target_num_replicas, {}
        return _within(context, max(math.ceil(sum(in_flight.values()) / self._calls), 1)), {}


def _within(context: ScalingContext, wanted: int) -> int:
    most = context.capacity_adjusted_max_replicas
    return max(context.capacity_adjusted_min_replicas, min(wanted, most))
