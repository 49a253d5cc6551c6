#!/bin/sh
# Trains on the GPUs (or CPU processes) of this machine, or of several:
#   bash launch.sh CONFIG GPUS [arguments of depthkit.train]
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=host0 bash launch.sh CONFIG GPUS     on the first machine, with NODE_RANK=1 on the next
# PORT: where the machines meet (29500). On one machine a free port is taken unless PORT is given.
# Ends with 0, 1, or 128 + the number of the signal that it received and passed on.
if [ $# -lt 2 ]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 1
fi
config=$1 gpus=$2
shift 2
python=${PYTHON:-python}
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$("$python" -c "import os; print(max(1, os.cpu_count() // $gpus))")}"

nodes=${NNODES:-1} node=${NODE_RANK:-0}
if [ "$nodes" = 1 ] && [ -z "$PORT" ]; then
  meet=--standalone
else
  port=${PORT:-29500}
  meet="--nnodes=$nodes --node-rank=$node --master-addr=${MASTER_ADDR:-127.0.0.1} --master-port=$port"
  if [ "$node" = 0 ] && ! "$python" -c "import socket; socket.create_server(('', $port))" 2>/dev/null; then
    echo "launch.sh: port $port is taken on this machine: choose another one, such as PORT=$((port + 1))" >&2
    exit 1
  fi
fi

# In a session of its own torchrun hears Ctrl-C once, from here, and not from the terminal as well.
# shellcheck disable=SC2086  # $meet is several words
"$python" -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' \
  "$python" -m torch.distributed.run $meet --nproc-per-node="$gpus" \
  -m depthkit.train "$config" --launcher pytorch "$@" &
job=$!
pass_on() {
  signal=$1
  kill -TERM "$job" 2>/dev/null
}
trap 'pass_on 1' HUP
trap 'pass_on 2' INT
trap 'pass_on 10' USR1
trap 'pass_on 15' TERM
while :; do
  wait "$job"
  code=$?
  kill -0 "$job" 2>/dev/null || break # else a signal ended the wait, not the job
done
[ -n "$signal" ] && exit $((128 + signal))
[ "$code" = 0 ] || exit 1
