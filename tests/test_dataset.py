from dataclasses import dataclass

import numpy as np
import pytest

from depthkit.data.dataset import DepthDataset, ToleratingDataset
from depthkit.data.sample import Sample
from depthkit.registry import DATA

DEPTH = np.array([[0, 0.001, 0.5, 2.0, 2.001, -1, np.nan, np.inf, -np.inf]], np.float32)


@dataclass(kw_only=True, eq=False)
class OneDepth(DepthDataset):
    depth: np.ndarray

    def __len__(self):
        return 3

    def load(self, index):
        return Sample(np.zeros((*self.depth.shape, 3), np.uint8), self.depth, f"sample {index}")


class Noise:
    def __call__(self, sample, rng):
        return Sample(sample.image, rng.random(sample.depth.shape, np.float32), sample.path)


def test_depth_outside_the_range_or_not_finite_is_not_measured():
    depth = OneDepth(depth=DEPTH, min_depth=0.001, max_depth=2)[0, 0]["depth"]
    np.testing.assert_array_equal(depth[0], np.array([[0, 0.001, 0.5, 2.0, 0, 0, 0, 0, 0]], np.float32))
    assert DEPTH[0, 4] == np.float32(2.001)  # what was loaded stays as it was


def test_a_sample_without_any_depth_is_legal():
    assert OneDepth(depth=np.zeros((2, 3), np.float32), max_depth=10)[0, 0]["depth"].count_nonzero() == 0


@pytest.mark.parametrize("depth", [0.0, 2.5, np.nan])
def test_a_set_without_any_depth_is_refused(depth):
    dataset = OneDepth(depth=np.full((2, 3), depth, np.float32), min_depth=0.001, max_depth=2)
    with pytest.raises(ValueError, match=r"no depth of 3 samples, such as sample 0, lies in 0.001 to 2 m.*depth_scale"):
        dataset.check()
    OneDepth(depth=DEPTH, max_depth=2).check()


def test_augmentation_follows_from_seed_and_position_alone():
    def drawn(seed, position, index):
        return OneDepth(depth=DEPTH, max_depth=10, pipeline=[Noise()], seed=seed)[position, index]["depth"].tolist()

    assert drawn(1, 5, 0) == drawn(1, 5, 2)
    assert drawn(1, 5, 0) != drawn(1, 6, 0)
    assert drawn(1, 5, 0) != drawn(2, 5, 0)


def test_transforms_run_in_order_and_keys_are_kept():
    def double(sample, rng):
        return Sample(sample.image, sample.depth * 2, sample.path)

    def add_one(sample, rng):
        return Sample(sample.image, sample.depth + 1, sample.path)

    dataset = OneDepth(depth=np.full((1, 1), 3, np.float32), max_depth=10, pipeline=[double, add_one])
    sample = dataset[7, 2]
    assert (sample["depth"].item(), sample["path"], sample["position"]) == (7, "sample 2", 7)


def test_an_unknown_key_or_transform_is_named(tmp_path):
    config = {"type": "NYUDataset", "data_root": str(tmp_path), "split": "a.txt", "max_depth": 10}
    with pytest.raises(ValueError, match=r"'NYUDataset': .*'depht_scale'; it takes: .*depth_scale"):
        DATA.build({**config, "depht_scale": 1000})
    with pytest.raises(ValueError, match="did you mean 'RandomFlip'"):
        DATA.build({**config, "pipeline": [{"type": "RandomFlop", "prob": 0.5}]})
    with pytest.raises(ValueError, match="missing a required .*'max_depth'"):
        DATA.build({"type": "NYUDataset", "data_root": str(tmp_path), "split": "a.txt"})


@dataclass(kw_only=True, eq=False)
class Broken(OneDepth):
    bad: tuple[int, ...]

    def load(self, index):
        if index in self.bad:
            raise OSError(f"sample {index} is broken")
        return super().load(index)


def test_the_next_sample_stands_in_for_a_bad_one_without_its_depth():
    dataset = ToleratingDataset(Broken(depth=DEPTH, max_depth=10, bad=(1, 2)))
    good, bad = dataset[4, 0], dataset[5, 1]
    assert (good["fault"], bad["fault"]) == ("", "sample 1 is broken")
    assert (bad["path"], bad["position"]) == ("sample 0", 5)
    assert good["depth"].count_nonzero() == 4
    assert bad["depth"].shape == good["depth"].shape
    assert bad["depth"].count_nonzero() == 0
    with pytest.raises(ValueError, match="not one of the 3 samples can be made; the first fault: sample 2 is broken"):
        ToleratingDataset(Broken(depth=DEPTH, max_depth=10, bad=(0, 1, 2)))[0, 2]
