import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from depthkit.data.dataset import DepthDataset
from depthkit.data.loader import TrainSampler, collate, eval_loader, to_device, train_loader
from depthkit.data.sample import Sample


class Numbers(DepthDataset):
    """Sample i is filled with i; odd ones are smaller if `sizes` differ."""

    def __init__(self, length, odd_size=(4, 6), **keywords):
        super().__init__(max_depth=1000, **keywords)
        self.length = length
        self.odd_size = odd_size

    def __len__(self):
        return self.length

    def load(self, index):
        size = self.odd_size if index % 2 else (4, 6)
        image = np.full((*size, 3), index, np.uint8)
        return Sample(image, np.full(size, index, np.float32), f"sample {index}", np.eye(3, dtype=np.float32))


def add_noise(sample, rng):
    sample.depth = sample.depth + rng.random(sample.depth.shape, np.float32)
    return sample


def global_batches(length, batch_size, world_size, steps, first_step=0, iters_per_epoch=None, seed=0):
    """The (position, index) pairs of each step, all ranks' shares in turn."""
    shares = []
    for rank in range(world_size):
        sampler = TrainSampler(length, batch_size, seed, rank, world_size, iters_per_epoch)
        sampler.first_step = first_step
        shares.append(list(itertools.islice(sampler, steps)))
    return [list(itertools.chain(*parts)) for parts in zip(*shares, strict=True)]


def test_how_a_batch_is_split_does_not_matter():
    whole = global_batches(50, 16, 1, steps=7)
    assert global_batches(50, 8, 2, steps=7) == whole
    assert global_batches(50, 2, 8, steps=7) == whole
    assert global_batches(50, 16, 1, steps=7, seed=1) != whole


@pytest.mark.parametrize("iters_per_epoch", [None, 5])
def test_any_step_can_be_resumed_at(iters_per_epoch):
    whole = global_batches(50, 8, 2, steps=20, iters_per_epoch=iters_per_epoch)
    for first_step in (1, 3, 10, 19):
        rest = global_batches(50, 8, 2, 20 - first_step, first_step, iters_per_epoch)
        assert rest == whole[first_step:]
    assert [position for step in whole for position, _ in step] == list(range(320))


def test_real_epochs_drop_the_tail_and_endless_ones_do_not():
    (three_steps, next_epoch) = (global_batches(50, 16, 1, 3), global_batches(50, 16, 1, 3, first_step=3))
    for epoch in (three_steps, next_epoch):
        counts = Counter(index for step in epoch for _, index in step)
        assert len(counts) == 48
        assert set(counts.values()) == {1}
    assert [i for step in three_steps for _, i in step] != [i for step in next_epoch for _, i in step]
    endless = [index for step in global_batches(50, 16, 1, 25, iters_per_epoch=4) for _, index in step]
    assert sorted(endless[:50]) == sorted(endless[50:100]) == list(range(50))


def test_steps_per_epoch():
    assert TrainSampler(50, 8, 0, 0, 2, None).steps_per_epoch == 3
    assert TrainSampler(50, 8, 0, 0, 2, 7).steps_per_epoch == 7
    assert TrainSampler(3, 8, 0, 0, 2, 7).steps_per_epoch == 7
    with pytest.raises(ValueError, match="15 training samples do not fill one batch of 2 x 8"):
        TrainSampler(15, 8, 0, 0, 2, None)


def batches_of(workers, position_from=0):
    loader = train_loader(Numbers(20, pipeline=[add_noise], seed=5), 4, workers, seed=5)
    loader.batch_sampler.first_step = position_from
    return list(itertools.islice(loader, 3))


def test_samples_do_not_depend_on_workers_or_on_where_one_starts():
    without, with_two = batches_of(0), batches_of(2)
    for ours, theirs in zip(without, with_two, strict=True):
        assert ours["path"] == theirs["path"]
        assert torch.equal(ours["depth"], theirs["depth"])
    assert torch.equal(batches_of(0, position_from=2)[0]["depth"], without[2]["depth"])


def test_the_keys_of_a_batch():
    batch = batches_of(0)[0]
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].shape == (4, 3, 4, 6)
    assert batch["depth"].dtype == torch.float32
    assert batch["depth"].shape == (4, 1, 4, 6)
    assert batch["intrinsics"].shape == (4, 3, 3)
    assert batch["position"].tolist() == [0, 1, 2, 3]
    assert [f"sample {value}" for value in batch["image"][:, 0, 0, 0].tolist()] == batch["path"]
    moved = to_device(batch, torch.device("meta"))
    assert moved["image"].is_meta
    assert moved["path"] == batch["path"]


def test_a_batch_has_what_all_its_samples_have():
    plain = {"image": torch.zeros(3, 2, 2), "depth": torch.zeros(1, 2, 2), "path": "a"}
    known = plain | {"intrinsics": torch.eye(3), "path": "b"}
    for items in ([plain, known], [known, plain]):
        assert collate(items).keys() == plain.keys()
    assert collate([known, known]).keys() == known.keys()


def test_two_sizes_in_a_training_batch_are_refused_by_name():
    loader = train_loader(Numbers(4, odd_size=(2, 2)), 4, 0, seed=0)
    with pytest.raises(ValueError, match=r"one batch, two sizes: sample \d has image and depth of .*, sample \d of"):
        next(iter(loader))


def test_evaluation_sees_each_sample_once_and_pads_nothing():
    seen = Counter()
    for rank in range(3):
        for batches in eval_loader(Numbers(10, odd_size=(2, 2)), 3, 0, rank=rank, world_size=3):
            for batch in batches:
                seen.update(batch["path"])
                values = batch["image"].flatten(1)
                assert (values == values[:, :1]).all()
    assert seen == {f"sample {index}": 1 for index in range(10)}
