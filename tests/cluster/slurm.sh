#!/usr/bin/env bash
# A throw-away Slurm of two nodes on this machine, for tests:
#   slurm.sh start FOLDER    its state lies in FOLDER; `export SLURM_CONF=FOLDER/slurm.conf` makes srun and scancel find it
#   slurm.sh stop FOLDER
# Root alone can start it. Each node pretends to have two GPUs and 32 processors. No job outlives a stop.
set -euo pipefail
folder=$2

start() {
  local host port node
  host=$(hostname -s)
  port=$((20000 + RANDOM % 10000))
  mkdir -p "$folder"/{state,log,munge}
  chmod 755 "$folder" "$folder/munge"
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge.pid" \
    --log-file="$folder/log/munged" --seed-file="$folder/munge/seed"
  # the null device will do for a GPU; of plain files Slurm makes no CUDA_VISIBLE_DEVICES
  mknod "$folder/gpu0" c 1 3
  mknod "$folder/gpu1" c 1 3
  echo "Name=gpu File=$folder/gpu[0-1]" >"$folder/gres.conf"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
ReturnToService=2
SwitchType=switch/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmdParameters=config_overrides
KillWait=5
GresTypes=gpu
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=32 Gres=gpu:2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=32 Gres=gpu:2
PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$folder/slurm.conf
  slurmctld
  for node in n1 n2; do
    mkdir "$folder/spool.$node"
    slurmd -N "$node"
  done
  for _ in $(seq 150); do
    [ "$(sinfo -h -N -o %T | grep -cx idle)" = 2 ] && return
    sleep 0.2
  done
  tail -n 20 "$folder"/log/* >&2
  return 1
}

stop() {
  export SLURM_CONF=$folder/slurm.conf
  scancel --user=root --signal=KILL
  for _ in $(seq 50); do
    [ -z "$(squeue -h)" ] && break
    sleep 0.2
  done
  for file in "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munge.pid"; do
    kill -KILL "$(cat "$file")"
  done
}

"$1"
