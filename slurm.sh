#!/bin/sh
# Trains through Slurm:
#   bash slurm.sh PARTITION JOB CONFIG [WORK_DIR] [arguments of depthkit.train]
# GPUS: processes in all (4). GPUS_PER_NODE: at most on one node (GPUS, up to 8). CPUS_PER_TASK (5).
# SRUN_ARGS: more for srun. GPU_REQUEST: what asks for a node's GPUS (--gres=gpu:GPUS_PER_NODE); empty to train on CPUs.
# The ranks meet on the first node (MASTER_ADDR), at MASTER_PORT, dist_params.port, or a port made from the job's number.
if [ $# -lt 3 ]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 1
fi
partition=$1 job=$2 config=$3
shift 3
case ${1:--} in
  -*) ;;
  *)
    work_dir=$1
    shift
    set -- --work-dir "$work_dir" "$@"
    ;;
esac
gpus=${GPUS:-4}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

# shellcheck disable=SC2086  # SRUN_ARGS and GPU_REQUEST are several words, or none
exec srun --partition="$partition" --job-name="$job" --ntasks="$gpus" --ntasks-per-node="$per_node" \
  --cpus-per-task="${CPUS_PER_TASK:-5}" ${GPU_REQUEST---gres=gpu:$per_node} --kill-on-bad-exit=1 $SRUN_ARGS \
  "${PYTHON:-python}" -m depthkit.train "$config" --launcher slurm "$@"
