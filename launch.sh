#!/bin/sh
# Trains on the GPUs of this machine, or in as many CPU processes; across machines, run it on each of them:
#   bash launch.sh CONFIG GPUS [arguments of depthkit.train]
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=host0 bash launch.sh CONFIG GPUS       on the second machine with NODE_RANK=1
# COMMAND=test runs depthkit.test instead, with its arguments after GPUS.
# PORT: where the processes meet (one machine: any free port; several: 29500). PYTHON: the interpreter (python).
# Ends with 0, 1, or 128 + the number of the signal that it received and passed on.
case ${2-} in
  '' | 0 | *[!0-9]*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 1 ;;
esac
config=$1 gpus=$2 nodes=${NNODES:-1} node=${NODE_RANK:-0} port=${PORT:-29500} python=${PYTHON:-python}
shift 2

here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
# a rank finishes its step or evaluation and saves before it ends; torchrun would give it 30 seconds
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT="${TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-300}"
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores > gpus ? cores / gpus : 1))}"

if [ "$nodes" != 1 ] && [ -z "$MASTER_ADDR" ]; then
  echo "launch.sh: NNODES is $nodes, but MASTER_ADDR is not set: give the address of the machine with NODE_RANK=0" >&2
  exit 1
fi
set -- --nproc-per-node="$gpus" -m "depthkit.${COMMAND:-train}" "$config" --launcher pytorch "$@"
if [ "$nodes" = 1 ] && [ -z "$PORT" ]; then
  set -- --standalone "$@"
elif [ "$node" = 0 ] && ! "$python" -c "import socket; socket.create_server(('', $port))" 2>/dev/null; then
  echo "launch.sh: port $port is taken on this machine; choose another one: PORT=$((port + 1))" >&2
  exit 1
else
  set -- --nnodes="$nodes" --node-rank="$node" --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="$port" "$@"
fi

# torchrun takes one TERM in good order; of USR1, or of a second signal, it dies and leaves its workers behind
signal=
pass_on() {
  trap '' HUP INT QUIT USR1 TERM
  signal=$1
  kill -TERM "$!"
}
trap 'pass_on 1' HUP
trap 'pass_on 2' INT
trap 'pass_on 3' QUIT
trap 'pass_on 10' USR1
trap 'pass_on 15' TERM
# in a session of its own: Ctrl-C at the terminal reaches it through pass_on alone
set -- "$python" -m torch.distributed.run "$@"
"$python" -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@" &
wait "$!"
code=$?
[ -z "$signal" ] || { wait "$!"; exit $((128 + signal)); }
[ "$code" = 0 ] || exit 1
