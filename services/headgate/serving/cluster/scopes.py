"""What a changed key of a Serve configuration does to what runs.

key of an application | key of a deployment  ->  Scope

Source: ray 2.60: `get_app_code_version`, `DeploymentVersion`, `DeploymentConfig`. A test asks the
installed Ray the same questions, and fails when it has a key that is not here.
"""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """How far a change reaches."""

    IN_PLACE = "in place"
    """Replicas stay, with their processes; their number may change."""
    DEPLOYMENT = "restarts the deployment"
    """Its replicas are replaced, a few at a time."""
    APPLICATION = "restarts the application"
    """The replicas of all its deployments are replaced, a few at a time."""
    NEW = "new"
    """It does not run yet."""
    REMOVED = "removed"
    """It runs, and is no longer named."""
    NEXT_START = "only after Serve has been shut down"
    """Serve keeps what it was started with."""


APPLICATION_KEYS = {
    "import_path": Scope.APPLICATION,
    "args": Scope.APPLICATION,
    "runtime_env": Scope.APPLICATION,
    "autoscaling_policy": Scope.APPLICATION,
    "route_prefix": Scope.IN_PLACE,
    "logging_config": Scope.IN_PLACE,
    "external_scaler_enabled": Scope.IN_PLACE,
}
"""Keys of an application, but for its name and its deployments, and what Serve reads no more."""

DEPLOYMENT_KEYS = {
    "user_config": Scope.IN_PLACE,
    "num_replicas": Scope.IN_PLACE,
    "autoscaling_config": Scope.IN_PLACE,
    "max_ongoing_requests": Scope.IN_PLACE,
    "max_queued_requests": Scope.IN_PLACE,
    "backpressure_config": Scope.IN_PLACE,
    "graceful_shutdown_timeout_s": Scope.IN_PLACE,
    "graceful_shutdown_wait_loop_s": Scope.IN_PLACE,
    "health_check_period_s": Scope.IN_PLACE,
    "health_check_timeout_s": Scope.IN_PLACE,
    "logging_config": Scope.IN_PLACE,
    "rolling_update_percentage": Scope.IN_PLACE,
    "max_surge_percent": Scope.IN_PLACE,
    "ray_actor_options": Scope.DEPLOYMENT,
    "placement_group_bundles": Scope.DEPLOYMENT,
    "placement_group_strategy": Scope.DEPLOYMENT,
    "placement_group_bundle_label_selector": Scope.DEPLOYMENT,
    "max_replicas_per_node": Scope.DEPLOYMENT,
    "gang_scheduling_config": Scope.DEPLOYMENT,
    "request_router_config": Scope.APPLICATION,
    "deployment_actors": Scope.APPLICATION,
}
"""Keys of a deployment, but for its name."""


def scope_of_application(key: str) -> Scope:
    """Return what a change of an application's key does; the worst for a key that is not known."""
    return APPLICATION_KEYS.get(key, Scope.APPLICATION)


def scope_of_deployment(key: str, part: str = "") -> Scope:
    """Return what a change of a deployment's key does; the worst for a key that is not known.

    Args:
        key: Of the deployment.
        part: What of it changes, where that matters. The policies of an application are part of
            its version, as a list: so a block that comes or goes restarts it, too.
    """
    if key == "autoscaling_config" and part in ("", "policy"):
        return Scope.APPLICATION
    return DEPLOYMENT_KEYS.get(key, Scope.APPLICATION)
