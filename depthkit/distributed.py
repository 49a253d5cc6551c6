"""Where this process stands among the ranks of a run, and the operations the ranks share.

Every function works in a single process too, without any set-up.
"""

import faulthandler
import math
import os
import re
import struct
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Place:
    """One process among `world_size`; `local_rank` counts the processes of its host."""

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1


def find_place(launcher: str, env: Mapping[str, str]) -> tuple[str, Place]:
    """Reads this process's place from the variables of torchrun or srun; returns the launcher that was meant, too.

    "auto" takes torchrun's variables if they are set, else Slurm's inside a step of several tasks, else one process.
    """
    if launcher == "auto":
        several_tasks = int(env.get("SLURM_STEP_NUM_TASKS", "1")) > 1
        launcher = "pytorch" if "RANK" in env else "slurm" if several_tasks else "none"
    if launcher == "none":
        return launcher, Place()
    names = {
        "pytorch": ("RANK", "LOCAL_RANK", "WORLD_SIZE"),
        "slurm": ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS"),
    }[launcher]
    missing = [name for name in names if name not in env]
    if missing:
        starter = {"pytorch": "launch.sh or torchrun", "slurm": "slurm.sh or srun"}[launcher]
        raise ValueError(f"--launcher {launcher}, but {', '.join(missing)} is not set: start the job with {starter}")
    return launcher, Place(*(int(env[name]) for name in names))


def slurm_master(env: Mapping[str, str], port: int | None) -> tuple[str, int]:
    """Where rank 0 of a Slurm step listens: MASTER_ADDR or the step's first host; MASTER_PORT, else `port`, else one
    derived from the job and step, so that jobs sharing a host do not meet."""
    # "rack[1-2]n[03-07],x9" -> "rack1n03,x9" -> "rack1n03"
    first_host = re.sub(r"\[(\d+)[^\]]*\]", r"\1", env["SLURM_STEP_NODELIST"]).split(",")[0]
    derived = 15000 + (7 * int(env["SLURM_JOB_ID"]) + int(env["SLURM_STEP_ID"])) % 15000
    return env.get("MASTER_ADDR", first_host), int(env.get("MASTER_PORT", port or derived))


def init(launcher: str, backend: str, port: int | None, timeout: float) -> torch.device:
    """Joins the other ranks, if there are any, and returns the device this rank works on.

    `timeout` is in seconds: a rank that waits longer for the others fails.
    """
    launcher, place = find_place(launcher, os.environ)
    device = pick_device(place, launcher)
    if place.world_size == 1:
        return device
    if launcher == "slurm":
        os.environ["MASTER_ADDR"], master_port = slurm_master(os.environ, port)
        os.environ["MASTER_PORT"] = str(master_port)
    if device.type == "cpu" and backend != "gloo":
        if place.rank == 0:
            print(f"depthkit: {place.world_size} CPU processes: using gloo in place of {backend}", flush=True)
        backend = "gloo"
    wait = timedelta(seconds=timeout)
    dist.init_process_group(backend, rank=place.rank, world_size=place.world_size, timeout=wait)
    return device


def close() -> None:
    """Leaves the other ranks at the end of a run; without it, threads of the process group may abort the exit."""
    if dist.is_initialized():
        dist.destroy_process_group()


def is_lost_peer(error: Exception) -> bool:
    """Whether `error` says that another rank is gone or stuck: that one, not this one, knows why."""
    # gloo has no type of error of its own; its words for a peer that is gone, and for one that is stuck
    words = ("gloo/transport", "Connection closed by peer", "Application timeout", "Timed out waiting")
    return isinstance(error, dist.DistBackendError) or any(word in str(error) for word in words)


def pick_device(place: Place, launcher: str) -> torch.device:
    """This rank's GPU, or the CPU where there is none (CUDA_VISIBLE_DEVICES=-1 hides them)."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    count = torch.cuda.device_count()
    # Slurm may show each task one GPU of its own
    index = place.local_rank % count if launcher == "slurm" else place.local_rank
    if index >= count:
        raise ValueError(f"process {index + 1} on this host needs a GPU of its own, but {count} can be seen")
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    return device


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """True on the one rank that writes files."""
    return rank() == 0


def from_main(value: Any) -> Any:
    """Rank 0's value of a picklable object, on every rank."""
    box = [value]
    if world_size() > 1:
        dist.broadcast_object_list(box)
    return box[0]


def gather(value: Any) -> list[Any]:
    """The picklable values of all ranks, in their order, on every rank."""
    box = [value] * world_size()
    if world_size() > 1:
        dist.all_gather_object(box, value)
    return box


class Agreement:
    """The largest of the numbers that the ranks hand in, told to all of them alike and without waiting.

    It travels over gloo beside the training, on the CPU, so no rank waits for its device.
    """

    def __init__(self) -> None:
        self.group = dist.new_group(backend="gloo") if world_size() > 1 else None
        self.number = torch.zeros(1, dtype=torch.int64)
        self.pending: dist.Work | None = None

    def exchange(self, number: int) -> int:
        """Hands in `number`, and returns the largest of those handed in by the call before; alone, of this one."""
        if self.group is None:
            return number
        agreed = 0
        if self.pending:
            self.pending.wait()
            agreed = int(self.number)
        self.number.fill_(number)
        self.pending = dist.all_reduce(self.number, dist.ReduceOp.MAX, self.group, async_op=True)
        return agreed


class Watchdog:
    """Ends a rank that is stuck, and shows where: the others give it up after `timeout` seconds, so it does too.

    A process without others may take its time.
    """

    REARM_AFTER = 5.0  # seconds; arming starts a thread, which is too much for each step

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout if world_size() > 1 else math.inf
        self.armed_at = -math.inf

    def progress(self) -> None:
        """Says that this rank is not stuck, and will say so again before the time-out is over."""
        now = time.monotonic()
        if self.timeout < math.inf and now - self.armed_at > self.REARM_AFTER:
            faulthandler.dump_traceback_later(self.timeout + self.REARM_AFTER, exit=True)
            self.armed_at = now

    def rest(self) -> None:
        """Takes this rank off the watch, until it makes progress again."""
        faulthandler.cancel_dump_traceback_later()
        self.armed_at = -math.inf


class _AllReduce(torch.autograd.Function):
    """The sum over ranks. Every rank's loss depends on every rank's input, so gradients are summed over ranks too."""

    @staticmethod
    def forward(_, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        return _AllReduce.apply(gradient)


def all_reduce(tensor: Tensor) -> Tensor:
    """The sum of `tensor` over all ranks, which all must call; differentiable. `tensor` itself in a single process.

    With gradients averaged over ranks afterwards, as DistributedDataParallel does, a loss that each rank computes from
    such sums gets the gradient of one process that saw the whole batch.
    """
    return _AllReduce.apply(tensor) if world_size() > 1 else tensor


def broadcast_buffers(model: nn.Module) -> None:
    """Gives every rank rank 0's buffers, such as the running statistics of batch normalisation."""
    if world_size() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


def data_parallel(model: nn.Module, device: torch.device, find_unused_parameters: bool) -> nn.Module:
    """`model` as it is in one process; among several, wrapped so that ranks start equal and average their gradients."""
    if world_size() == 1:
        return model
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids, find_unused_parameters=find_unused_parameters)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the batches of all ranks, on CPU tensors, which torch's own class refuses."""

    def _check_input_dim(self, features: Tensor) -> None:
        """Any number of dimensions will do."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, ...) -> the same shape, normalised per channel over B of every rank and all positions."""
        if not self.training:
            return super().forward(features)
        axes = [axis for axis in range(features.dim()) if axis != 1]
        variance, mean = torch.var_mean(features, axes, correction=0)
        mean, variance = mean.double(), variance.double()
        count = mean.new_full((1,), features.numel() / features.shape[1])
        # moments of the whole batch from those of its parts: sum n, sum n m, sum n (v + m^2)
        sums = all_reduce(torch.cat([count, count * mean, count * (variance + mean.square())]))
        count, mean, square = sums.split([1, mean.numel(), mean.numel()])
        mean, square = mean / count, square / count
        variance = (square - mean.square()).clamp(min=0)
        self._track(mean.detach(), (variance * count / (count - 1)).detach())

        shape = [1, -1] + [1] * (features.dim() - 2)
        scale = self.weight * (variance + self.eps).rsqrt().to(features.dtype)
        centred = features - mean.to(features.dtype).view(shape)
        return centred * scale.view(shape) + self.bias.view(shape)

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), self.momentum)


def convert_sync_batchnorm(model: nn.Module, device: torch.device) -> nn.Module:
    """Replaces every batch normalisation in `model` by one over all ranks; parameters and their names stay."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = SyncBatchNorm  # the same parameters and buffers, another forward
    return model


def seed_step(device: torch.device, seed: int, step: int) -> None:
    """Seeds the generator of `device` from (seed, step, rank), so that dropout does not depend on what ran before."""
    # 32 bits are all that the CPU's Mersenne twister takes
    number = zlib.crc32(struct.pack("<3Q", seed, step, rank()))
    generators = torch.cuda.default_generators if device.type == "cuda" else (torch.default_generator,)
    generators[device.index or 0].manual_seed(number)
