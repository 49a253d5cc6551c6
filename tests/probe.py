"""Stands in for depthkit.train where only the start of processes is tested: it tells how it was started, at no cost.

`install` makes a folder that looks like a checkout: the two launchers, and this file as depthkit/train.py.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# the variables that are told: all of them would make a line longer than srun passes on whole
TOLD = ("RANK", "MASTER_PORT", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SLURM_PROCID", "SLURM_LOCALID")
TOLD += ("SLURMD_NODENAME", "SLURM_JOB_NAME", "SLURM_JOB_PARTITION", "SLURM_CPUS_PER_TASK", "SLURM_GPUS_ON_NODE")


def install(folder: Path) -> Path:
    (folder / "depthkit").mkdir(parents=True)
    (folder / "depthkit" / "__init__.py").touch()
    shutil.copy(__file__, folder / "depthkit" / "train.py")
    for script in ("launch.sh", "slurm.sh"):
        shutil.copy(ROOT / script, folder)
    return folder


def reports(text: str) -> list[dict]:
    """What the processes told on standard output, in any order."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def main() -> None:
    arguments = sys.argv[1:]
    environment = {name: os.environ[name] for name in TOLD if name in os.environ}
    report = {"pid": os.getpid(), "arguments": arguments, "folder": os.getcwd(), "environment": environment}
    terms = []
    signal.signal(signal.SIGTERM, lambda *_: terms.append(time.monotonic()))
    # one write, so that the lines of several processes stay whole
    os.write(1, f"\n{json.dumps(report)}\n".encode())
    rank = os.environ.get("RANK") or os.environ["SLURM_PROCID"]
    if f"--fail-on={rank}" in arguments:
        sys.exit(7)
    # as a trainer that saves for a second after the first signal
    while "--wait" in arguments and not (terms and time.monotonic() > terms[0] + 1):
        time.sleep(0.05)
    os.write(1, f"\nTERM x {len(terms)}\n".encode())


if __name__ == "__main__":
    main()
