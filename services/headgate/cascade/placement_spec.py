"""What a cascade file may say of where a model runs: replicas, what they reserve, how they scale.

resources, replicas, scaling of a model in the YAML  ->  frozen values, for Ray to place
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from headgate.cascade.strict import Filled, Model, custom_error

MOST_REPLICAS = 64


class ResourcesSpec(Model):
    """What Ray reserves for one replica, and which nodes it may be on."""

    cpu: float = Field(default=1.0, gt=0)
    """Processor cores."""

    gpu: float = Field(default=0.0, ge=0)
    """GPUs; a fraction shares one."""

    memory_mb: int | None = Field(default=None, ge=1)
    """Memory in megabytes; nothing is reserved when absent."""

    accelerator: Filled | None = None
    """The kind of accelerator that its node must have, as Ray names it, such as `L4`."""

    labels: Mapping[str, Filled] = {}
    """Labels that its node must have, each with its value."""


class ReplicasSpec(Model):
    """Between how many replicas Serve may choose; equal bounds fix the number."""

    min: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Fewest."""

    max: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Most."""

    @model_validator(mode="after")
    def _in_order(self) -> ReplicasSpec:
        if self.min > self.max:
            raise custom_error("'min' is more than 'max'", "Raise max, or lower min.")
        return self


class LmReplicasSpec(ReplicasSpec):
    """Between how many replicas of a large model Serve may choose; it may rest at none."""

    min: int = Field(default=0, ge=0, le=MOST_REPLICAS)
    """Fewest; at 0 the model takes nothing while nothing is sent on to it."""


class EncoderScalingSpec(Model):
    """When replicas of an encoder come and go."""

    batches: float = Field(default=2.0, gt=0, le=64)
    """Batches under way that one replica is meant to have: more brings another one."""

    up_after_s: float = Field(default=2.0, ge=0, le=3600)
    """Seconds for which more must be needed."""

    down_after_s: float = Field(default=60.0, ge=0, le=86400)
    """Seconds for which fewer must be enough."""


class LmScalingSpec(Model):
    """When replicas of a large model come and go: by what is sent on to it, not by its queue."""

    busy: float = Field(default=0.7, gt=0, le=1)
    """Share of a replica's time that calls are meant to take: records sent on a second, times the
    seconds of one, over this, is how many replicas there are to be."""

    up_after_s: float = Field(default=1.0, ge=0, le=3600)
    """Seconds for which more must be needed; the first one comes at once."""

    down_after_s: float = Field(default=60.0, ge=0, le=86400)
    """Seconds for which fewer must be enough."""

    zero_after_s: float = Field(default=300.0, ge=0, le=86400)
    """Seconds without any call before the last one goes, where `replicas` allows none."""
