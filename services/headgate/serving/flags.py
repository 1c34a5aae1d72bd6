"""Settings of Ray and Ray Serve for a gateway in a replica.

They have to be in the environment before Ray starts its processes.
"""

from __future__ import annotations

SERVE_FLAGS = {
    # Ray gives its workers niceness 15: a gateway would wait for whatever else the machine does.
    "RAY_worker_niceness": "0",
    # Hops by gRPC: a third of the CPU, and a cancellation reaches the replica.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    # One event loop a replica: the gateway's server answers on the loop its engines run in.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    # 4 MiB otherwise, which a batch of vectors passes.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 1024 * 1024),
    # 10 seconds otherwise, for which the first call of a model at rest would wait.
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    # A batch is tokenised in a millisecond; threads for it only take turns with the encoder's.
    "TOKENIZERS_PARALLELISM": "false",
}
