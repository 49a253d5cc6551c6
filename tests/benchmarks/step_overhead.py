"""What depthkit's loop costs beside the same loop written by hand: python tests/benchmarks/step_overhead.py

Both train the same tiny model, whose step takes a fraction of a millisecond, on one ready-made batch, with the same
optimizer, clipping, schedule and log lines. Blocks of steps alternate; what counts is this thread's processor time.
"""

import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from depthkit import logs
from depthkit.hooks import TextLoggerHook
from depthkit.optim import build_optimizer
from depthkit.runner import Runner

STEPS, BLOCKS, LOG_INTERVAL, MAX_NORM, LR = 2000, 7, 50, 35.0, 1e-3


class TinyModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, 1, 4, 4))
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        return {"depth": image.float().mean(1, keepdim=True) * self.scale + self.shift}


class AbsoluteError(nn.Module):
    def forward(self, outputs: dict[str, Tensor], batch: dict, step: int) -> dict[str, Tensor]:
        return {"loss_depth": (outputs["depth"] - batch["depth"]).abs().mean()}


class OneBatch:
    """Stands in for a loader: the same batch for ever."""

    def __init__(self, batch: dict) -> None:
        self.batch = batch
        self.batch_sampler = SimpleNamespace(steps_per_epoch=STEPS, first_step=0)

    def __iter__(self):
        while True:
            yield self.batch


def schedule(step: int) -> float:
    return LR * (1 + math.cos(math.pi * step / (STEPS * BLOCKS))) / 2


def by_hand(batch: dict, file) -> callable:
    """The loop as one would write it for this model alone; returns a function that runs one block of it."""
    model, criterion = TinyModel(), AbsoluteError()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    state = SimpleNamespace(step=0)

    def block() -> None:
        for _ in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = schedule(state.step)
            loss = criterion(model(batch["image"]), batch, state.step)["loss_depth"]
            loss.backward()
            norm = clip_grad_norm_(model.parameters(), MAX_NORM)
            optimizer.step()
            optimizer.zero_grad()
            state.step += 1
            if state.step % LOG_INTERVAL == 0:
                line = f"step {state.step} lr {schedule(state.step):.3e} loss {loss.item():.4f} norm {norm.item():.4f}"
                file.write(line + "\n")

    return block


def by_depthkit(batch: dict, work_dir: Path) -> callable:
    model = TinyModel()
    runner = Runner(
        model,
        AbsoluteError(),
        build_optimizer(model, {"type": "AdamW", "lr": LR}),
        schedule,
        OneBatch(batch),
        max_epochs=BLOCKS + 1,
        work_dir=work_dir,
        device=torch.device("cpu"),
        seed=0,
        hooks=[TextLoggerHook()],
        max_norm=MAX_NORM,
        log_interval=LOG_INTERVAL,
        meta={"timestamp": "benchmark"},
    )
    runner.call("before_train")
    batches = iter(runner.loader)
    return lambda: runner.train_epoch(batches)


def microseconds(block: callable) -> float:
    """Processor time of this thread a step."""
    start = time.thread_time()
    block()
    return (time.thread_time() - start) / STEPS * 1e6


def main() -> None:
    torch.set_num_threads(1)
    batch = {"image": torch.ones(1, 3, 4, 4, dtype=torch.uint8), "depth": torch.ones(1, 1, 4, 4), "path": []}
    with tempfile.TemporaryDirectory() as folder:
        work_dir = Path(folder)
        logs.setup(work_dir / "benchmark.log", "INFO", rank=0)
        del logs.logger.handlers[0]  # the terminal, whose speed is not depthkit's
        with open(work_dir / "by_hand.log", "w") as file:
            blocks = {"by hand": by_hand(batch, file), "depthkit": by_depthkit(batch, work_dir)}
            for block in blocks.values():
                block()  # not counted: first calls
            times = {name: [] for name in blocks}
            for _ in range(BLOCKS - 1):
                for name, block in blocks.items():
                    times[name].append(microseconds(block))
    times["difference"] = [ours - plain for ours, plain in zip(times["depthkit"], times["by hand"], strict=True)]
    for name, values in times.items():
        spread = f"min {min(values):6.1f}  median {statistics.median(values):6.1f}  max {max(values):6.1f}"
        sys.stdout.write(f"{name:10}  {spread}  microseconds a step\n")


if __name__ == "__main__":
    main()
