#!/usr/bin/env bash
# A throw-away Slurm of two nodes on this machine, for tests:
#   slurm.sh start FOLDER    its state lies in FOLDER; `export SLURM_CONF=FOLDER/slurm.conf` makes srun and scancel find it
#   slurm.sh stop FOLDER
# Root alone can start it. Each node pretends to have two GPUs and many processors; all listen on the loopback address.
set -euo pipefail
folder=$2

start() {
  local host i
  host=$(hostname -s)
  mkdir -p "$folder"/{state,log,gpu,munge}
  chmod 755 "$folder" "$folder/munge"
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge.pid" \
    --log-file="$folder/log/munged" --seed-file="$folder/munge/seed"
  touch "$folder/gpu/0" "$folder/gpu/1"
  echo "Name=gpu File=$folder/gpu/[0-1]" >"$folder/gres.conf"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=17817
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
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17819 CPUs=32 Gres=gpu:2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17820 CPUs=32 Gres=gpu:2
PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$folder/slurm.conf
  slurmctld
  for i in n1 n2; do
    mkdir -p "$folder/spool.$i"
    slurmd -N "$i"
  done
  for _ in $(seq 150); do
    [ "$(sinfo -h -N -o %T | grep -cx idle)" = 2 ] && return
    sleep 0.2
  done
  tail -n 20 "$folder"/log/* >&2
  return 1
}

stop() {
  local pid
  for file in "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munge.pid"; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
}

"$1"
