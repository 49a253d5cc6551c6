"""Runs functions of a test file in several real processes under torchrun.

A start costs seconds, so a test file starts its ranks once, in a fixture, and looks at what they returned:

    returned = run_ranks(2, __file__, tmp_path)["some_check"]    # one value a rank

calls every function of the file whose name starts with "rank_" on both ranks, in the order of the file, or those in
`only`.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import torch

from depthkit import distributed


def run_ranks(count: int, file: str, folder: Path, only: str = "") -> dict[str, list]:
    """What each rank_NAME(folder) of `file` returned on each rank, by NAME."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command = [*launch, __file__, file, str(folder), only]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")])
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    values = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(count)]
    return {name: [value[name] for value in values] for name in values[0]}


def main(file: str, folder: Path, only: list[str]) -> None:
    distributed.init("pytorch", "gloo", port=None, timeout=120)
    functions = {name: item for name, item in runpy.run_path(file).items() if name.startswith("rank_")}
    returned = {name.removeprefix("rank_"): functions[name](folder) for name in only or functions}
    torch.save(returned, folder / f"rank{distributed.rank()}.pt")
    distributed.dist.barrier()
    # no clean-up: threads of gloo can abort an interpreter that ends moments after its start
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3].split())
