#!/bin/sh
# Trains through Slurm:
#   bash slurm.sh PARTITION JOB CONFIG [WORK_DIR] [arguments of depthkit.train]
# COMMAND=test runs depthkit.test instead; an empty WORK_DIR, '', is the default one.
# GPUS: processes in all (4). GPUS_PER_NODE: how many on a node (GPUS, up to 8); 0 to train on CPUs. CPUS_PER_TASK (5).
# SRUN_ARGS: more for srun. PYTHON: the interpreter (python). The processes meet on the first node (or MASTER_ADDR), at
# MASTER_PORT, dist_params.port, or a port made of the job's number.
if [ $# -lt 3 ]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 1
fi
partition=$1 job=$2 config=$3 gpus=${GPUS:-4} cpus=${CPUS_PER_TASK:-5}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
shift 3
case ${1--} in
  '') shift ;;
  -*) ;;
  *) work_dir=$1 && shift && set -- --work-dir "$work_dir" "$@" ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$cpus}"

# shellcheck disable=SC2086  # SRUN_ARGS is several words, or none
set -- $SRUN_ARGS "${PYTHON:-python}" -m "depthkit.${COMMAND:-train}" "$config" --launcher slurm "$@"
[ "$per_node" = 0 ] || set -- --gres=gpu:"$per_node" --ntasks-per-node="$per_node" "$@"
exec srun --partition="$partition" --job-name="$job" --ntasks="$gpus" --cpus-per-task="$cpus" --kill-on-bad-exit=1 "$@"
