"""Which samples each step and each rank gets, and batches of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from depthkit.data.dataset import DepthDataset
from depthkit.signals import heed_only_parent

Batch = dict[str, Any]


class TrainSampler(Sampler):
    """Yields this rank's share of each step of a run, without end, from `first_step` on, as (position, index) pairs.

    A position counts the samples dealt in the whole run, over all ranks. So neither the order nor the augmentation,
    which is drawn from the position, depends on how a global batch is split, and a run can resume at any step.
    Each pass over the dataset has an order of its own, drawn from the seed and the number of the pass.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, rank: int, world_size: int, iters_per_epoch: int | None
    ) -> None:
        """An epoch is one pass over the data without its tail, or `iters_per_epoch` steps of an endless stream."""
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.global_batch = batch_size * world_size
        self.first_step = 0
        if not iters_per_epoch and length < self.global_batch:
            raise ValueError(
                f"{length} training samples do not fill one batch of {world_size} x {batch_size}: lower"
                f" data.samples_per_gpu, or set runner.iters_per_epoch to draw from an endless stream"
            )
        self.steps_per_epoch = iters_per_epoch or length // self.global_batch
        self.pass_length = length if iters_per_epoch else self.steps_per_epoch * self.global_batch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, order_of = np.empty(0), -1
        step = self.first_step
        while True:
            share = []
            first = step * self.global_batch + self.rank * self.batch_size
            for position in range(first, first + self.batch_size):
                number, place = divmod(position, self.pass_length)
                if number != order_of:
                    order, order_of = np.random.default_rng((self.seed, number)).permutation(self.length), number
                share.append((position, int(order[place])))
            yield share
            step += 1


class EvalSampler(Sampler):
    """Yields every sample once over all ranks: rank r takes r, r + world_size, ..."""

    def __init__(self, length: int, rank: int, world_size: int) -> None:
        self.indices = range(rank, length, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((index, index) for index in self.indices)


def sizes(item: Batch) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Height and width of the image and of the depth."""
    return tuple(item["image"].shape[-2:]), tuple(item["depth"].shape[-2:])


def collate(items: list[Batch]) -> Batch:
    """Samples of one size as a batch: image uint8 (B,3,H,W), depth float32 (B,1,Hd,Wd), position (B,), list of path;
    and what else all of them have, so no intrinsics where one sample's camera is not known."""
    for item in items:
        if sizes(item) != sizes(items[0]):
            raise ValueError(
                f"one batch, two sizes: {items[0]['path']} has image and depth of {sizes(items[0])}, {item['path']} of"
                f" {sizes(item)}; put a RandomCrop into the training pipeline"
            )
    shared = [key for key in items[0] if all(key in item for item in items)]
    return default_collate([{key: item[key] for key in shared} for item in items])


def collate_by_size(items: list[Batch]) -> list[Batch]:
    """One batch for each size of image and depth that occurs: nothing is padded."""
    groups: dict[Any, list[Batch]] = {}
    for item in items:
        groups.setdefault(sizes(item), []).append(item)
    return [collate(group) for group in groups.values()]


def train_loader(
    dataset: DepthDataset,
    batch_size: int,
    workers: int,
    *,
    seed: int,
    iters_per_epoch: int | None = None,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader:
    """Endless batches of this rank's share; its batch_sampler is a TrainSampler."""
    sampler = TrainSampler(len(dataset), batch_size, seed, rank, world_size, iters_per_epoch)
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=heed_only_parent,
    )


def eval_loader(
    dataset: DepthDataset,
    batch_size: int,
    workers: int,
    *,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader:
    """Lists of batches of this rank's share, in order; each item comes from `batch_size` samples."""
    sampler = EvalSampler(len(dataset), rank, world_size)
    return DataLoader(
        dataset,
        batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate_by_size,
        pin_memory=pin_memory,
        worker_init_fn=heed_only_parent,
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on `device`; copies from pinned memory do not wait."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }
