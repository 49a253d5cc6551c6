"""Runs that are killed or told to stop end with the weights of the run that nothing happened to.

The suite has a short form; the campaign is a command: python tests/test_faults.py --saves 200 --kills 20 --ranks 2
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from depthkit import checkpoint

ROOT = Path(__file__).parents[1]
# two epochs of ten steps, saved after each of them
OPTIONS = ["data.samples_per_gpu=2", "data.workers_per_gpu=1", "data.val.num_images=4"]
OPTIONS += [f"data.{split}.{side}=32" for split in ("train", "val") for side in ("height", "width")]
OPTIONS += ["runner.max_epochs=2", "runner.iters_per_epoch=10", "log_config.interval=1", "SyncBN=True"]
OPTIONS += ["checkpoint_config.steps=1", "log_config.hooks=[{'type':'TextLoggerHook'}]"]


class Training:
    """launch.sh with `ranks` processes, in a session of its own, training or resuming in `work_dir`."""

    def __init__(self, work_dir: Path, ranks: int, config: Path = ROOT / "configs" / "quickstart.py") -> None:
        self.work_dir = work_dir
        self.earlier = checkpoint.step_files(work_dir)
        command = ["sh", str(ROOT / "launch.sh"), str(config), str(ranks)]
        command += ["--work-dir", str(work_dir), "--seed", "1", "--resume-from", "auto", "--cfg-options", *OPTIONS]
        environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115  lives as long as the process
        self.process = subprocess.Popen(
            command, env=environment, stdout=self.output, stderr=self.output, start_new_session=True
        )

    def end(self) -> int:
        return self.process.wait(timeout=240)

    def said(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def wait_for_step(self, step: int) -> None:
        """Until the run has saved that step, or a later one, or ended."""
        deadline = time.monotonic() + 240
        while self.process.poll() is None and not any(
            int(file.stem.removeprefix("step_")) >= step and file not in self.earlier
            for file in checkpoint.step_files(self.work_dir)
        ):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)

    def processes(self) -> list[int]:
        """All that are left of the run: its name stands in their command lines."""
        pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if str(self.work_dir).encode() in command_line(pid) and pid != os.getpid()]

    def kill(self) -> None:
        """A power failure: no process gets to do anything any more."""
        for pid in self.processes():
            with_the_dead_ignored(os.kill, pid, signal.SIGKILL)
        self.end()
        self.wait_until_gone()

    def wait_until_gone(self) -> None:
        """A loader's worker looks every 5 s whether its rank still lives; 15 s are promised."""
        deadline = time.monotonic() + 60
        while self.processes():
            assert time.monotonic() < deadline, self.processes()
            time.sleep(0.01)


def command_line(pid: int) -> bytes:
    return with_the_dead_ignored(Path(f"/proc/{pid}/cmdline").read_bytes) or b""


def parent(pid: int) -> int:
    status = with_the_dead_ignored(Path(f"/proc/{pid}/stat").read_text) or ") Z 0"
    return int(status.rpartition(")")[2].split()[1])  # after the name, which may hold anything, and the state


def with_the_dead_ignored(function, *arguments):
    """What `function` returns; None where the process it deals with is gone."""
    try:
        return function(*arguments)
    except (ProcessLookupError, FileNotFoundError):
        return None


def final_weights(work_dir: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(work_dir / "epoch_2.pth")["state_dict"]


def assert_equal(work_dir: Path, reference: Path) -> None:
    ours, theirs = final_weights(work_dir), final_weights(reference)
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []
    assert not list(work_dir.glob("*.partial"))
    assert {file.name for file in work_dir.glob("*.pth")} == {file.name for file in reference.glob("*.pth")}


def finish(work_dir: Path, ranks: int) -> None:
    run = Training(work_dir, ranks)
    assert run.end() == 0, run.said()


def kill_and_finish(work_dir: Path, ranks: int, kills: int, rng: random.Random) -> int:
    """Trains in `work_dir`, killed `kills` times at random moments; how often a checkpoint was there to go on from."""
    survived = 0
    for number in range(kills):
        run = Training(work_dir, ranks)
        # spread over the run, and over the moments of a step: forward, backward, save
        run.wait_for_step(1 + 18 * number // kills)
        time.sleep(rng.uniform(0, 0.3))
        run.kill()
        survived += checkpoint.find_newest(work_dir) is not None
    finish(work_dir, ranks)
    return survived


def kill_while_saving(folder: Path, rng: random.Random) -> int:
    """Kills a process that saves one checkpoint after another; the number of the newest that can be loaded."""
    folder.mkdir()
    state = {"state_dict": {"weight": torch.arange(300_000.0)}, "optimizer": {}, "runner": {}, "meta": {}}
    pid = os.fork()
    if pid == 0:
        for number in range(1, 10_000):
            path = folder / f"epoch_{number}.pth"
            checkpoint.save(state | {"number": number}, path)
            checkpoint.point_latest(path)
            (folder / f"epoch_{number - 2}.pth").unlink(missing_ok=True)
    time.sleep(rng.uniform(0.02, 0.2))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    newest = checkpoint.find_newest(folder)
    checkpoint.remove_partial(folder)
    assert not list(folder.glob("*.partial"))
    if newest is None:
        return 0
    assert newest == checkpoint.epoch_files(folder)[-1]  # what has its name is whole
    assert checkpoint.load(folder / "latest.pth")["number"] >= checkpoint.load(newest)["number"] - 1
    return checkpoint.load(newest)["number"]


def test_killed_while_saving(tmp_path):
    rng = random.Random(0)
    newest = [kill_while_saving(tmp_path / str(trial), rng) for trial in range(10)]
    assert max(newest) > 1  # some kills came between saves


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The run of two ranks to which nothing happens."""
    work_dir = tmp_path_factory.mktemp("reference") / "run"
    finish(work_dir, ranks=2)
    return work_dir


def test_killed_twice(tmp_path, reference):
    kill_and_finish(tmp_path / "run", ranks=2, kills=2, rng=random.Random(0))
    assert_equal(tmp_path / "run", reference)


def test_told_to_stop_again_and_again(tmp_path, reference):
    for first_step, tell, code in [
        (1, tell_launch(signal.SIGTERM), 128 + signal.SIGTERM),
        (4, tell_launch(signal.SIGUSR1), 128 + signal.SIGUSR1),
        (8, tell_torchrun_during_a_save, 1),
        (12, tell_one_rank, 1),
    ]:
        run = Training(tmp_path / "run", ranks=2)
        run.wait_for_step(first_step)
        tell(run)
        assert run.end() == code, run.said()
        run.wait_until_gone()
        assert "Stopped by SIGTERM after" in run.said()
    finish(tmp_path / "run", ranks=2)
    assert_equal(tmp_path / "run", reference)


def tell_launch(number: int):
    def twice_in_a_second(run: Training) -> None:
        for _ in range(2):
            run.process.send_signal(number)
            time.sleep(0.2)

    return twice_in_a_second


def torchrun(run: Training) -> int:
    (pid,) = [pid for pid in run.processes() if b"\0torch.distributed.run\0" in command_line(pid)]
    return pid


def tell_torchrun_during_a_save(run: Training) -> None:
    while not list(run.work_dir.glob("*.partial")):
        assert run.process.poll() is None, run.said()
    os.kill(torchrun(run), signal.SIGTERM)


def tell_one_rank(run: Training) -> None:
    ranks = [pid for pid in run.processes() if parent(pid) == torchrun(run)]
    os.kill(max(ranks), signal.SIGTERM)


# a config is Python, so it can bring its own hook
FAULT = """
import os as _os, signal as _signal
from depthkit.hooks import Hook as _Hook
from depthkit.registry import HOOKS as _HOOKS

@_HOOKS.register
class _Fault(_Hook):
    def after_step(self, runner):
        if runner.step == 3 and _os.environ["RANK"] == "1":
            {fault}

_base_ = "{quickstart}"
custom_hooks = [dict(type="_Fault")]
"""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise RuntimeError('broken on purpose')", "RuntimeError: broken on purpose\n"),
        ("raise ValueError('bad on purpose')", "depthkit rank 1 - ERROR - Stopped in epoch 1, after 3 steps: bad on"),
        ("_os.kill(_os.getpid(), _signal.SIGKILL)", "Signal 9 (SIGKILL) received by PID"),
    ],
)
def test_a_rank_that_dies_takes_the_others_along_and_is_named_once(tmp_path, fault, reason):
    config = tmp_path / "fault.py"
    config.write_text(FAULT.format(fault=fault, quickstart=ROOT / "configs" / "quickstart.py"))
    run = Training(tmp_path / "run", 2, config)
    assert run.end() == 1
    run.wait_until_gone()
    said = run.said()
    assert said.count(reason) == 1, said
    assert said.count("rank 1 - ERROR - Stopped in epoch 1, after 3 steps") == ("raise" in fault)
    assert "depthkit - ERROR" not in said
    assert "depthkit - WARNING - Stopped in epoch 1, after 3 steps: another rank is gone, or stuck" in said


def test_a_rank_that_hangs_is_given_up_and_says_where(tmp_path):
    config = tmp_path / "fault.py"
    fault = FAULT.format(fault="import time; time.sleep(1000)", quickstart=ROOT / "configs" / "quickstart.py")
    config.write_text(fault + "dist_params = dict(timeout=8)\n")
    run = Training(tmp_path / "run", 2, config)
    assert run.process.wait(timeout=180) == 1  # torchrun alone would wait 300 s for it, of which launch.sh tells it
    run.wait_until_gone()
    assert "Timeout (0:00:13)!" in run.said()
    assert re.search(r'fault.py", line \d+ in after_step\n', run.said())
    assert "depthkit - WARNING - Stopped in epoch 1, after 3 steps: another rank is gone, or stuck" in run.said()


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills at random moments: nothing may be lost.")
    parser.add_argument("--saves", type=int, default=200, help="kills of a process that saves all the time")
    parser.add_argument("--kills", type=int, default=20, help="kills of one training, whose weights must not change")
    parser.add_argument("--ranks", type=int, default=2, help="processes of that training")
    parser.add_argument("--seed", type=int, default=0, help="for the moments")
    args = parser.parse_args()
    folder, rng = Path(tempfile.mkdtemp()), random.Random(args.seed)
    newest = [kill_while_saving(folder / str(trial), rng) for trial in range(args.saves)]
    print(f"{args.saves} kills while saving, {newest.count(0)} before the first was whole: the newest always loads")
    finish(folder / "reference", args.ranks)
    survived = kill_and_finish(folder / "killed", args.ranks, args.kills, rng)
    assert_equal(folder / "killed", folder / "reference")
    print(f"{args.kills} kills of {args.ranks} ranks, {survived} with a checkpoint to go on from: weights equal")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
