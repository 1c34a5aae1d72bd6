#!/bin/sh
# Starts Ray on one machine of a cluster with what Headgate needs in its environment.
# Arguments are those of `ray start`. The venv is the one that ray_cluster.yaml makes.
set -eu

# Every process of the cluster shows the token of ~/.ray/auth_token; without it Ray starts nothing.
export RAY_AUTH_MODE=token
test -s "${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}" || {
  echo "start_ray.sh: there is no token. Make one with: ray get-auth-token --generate" >&2
  exit 1
}

# Why each of them: services/headgate/serving/flags.py. Ray's processes inherit them.
export RAY_worker_niceness=0
export RAY_SERVE_USE_GRPC_BY_DEFAULT=1
export RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD=0
export RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP=0
export RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH=67108864
export RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S=1
export RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S=1
export TOKENIZERS_PARALLELISM=false

# Ray opens many files; where the machine allows fewer, it starts with those.
(ulimit -S -n 65536) 2> /dev/null && ulimit -S -n 65536
exec "${HEADGATE_VENV:-$HOME/headgate/venv}/bin/ray" start "$@"
