from dataclasses import dataclass

import numpy as np
import pytest

from depthkit.data.concat import ConcatDataset, RepeatDataset
from depthkit.data.dataset import DepthDataset
from depthkit.data.sample import Sample


@dataclass(kw_only=True, eq=False)
class Letters(DepthDataset):
    letters: str
    max_depth: float = 10

    def __len__(self):
        return len(self.letters)

    def load(self, index):
        return Sample(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.float32), self.letters[index])


class Draw:
    def __call__(self, sample, rng):
        return Sample(sample.image, rng.random((2, 2), np.float32), sample.path)


def letters(dataset):
    return "".join(dataset.load(index).path for index in range(len(dataset)))


def test_one_set_after_the_other():
    dataset = ConcatDataset(datasets=[Letters(letters="abc", protocol="full"), Letters(letters="de", max_depth=80)])
    assert letters(dataset) == "abcde"
    assert dataset[7, 4]["path"] == "e"
    assert (dataset.protocol, dataset.max_depth) == ("full", 80)
    dataset.check()
    with pytest.raises(IndexError):
        dataset.load(5)


def test_shares_follow_the_weights_and_nothing_is_cut():
    parts = [Letters(letters="abcd"), Letters(letters="xy")]
    assert letters(ConcatDataset(datasets=parts, weights=[1, 1])) == "abcdxyxy"
    assert letters(ConcatDataset(datasets=parts, weights=[3, 1])) == "abcdab" + "xy"
    assert letters(ConcatDataset(datasets=parts, weights=[0.2, 0.3])) == "abcdxyxyxy"


def test_repetition():
    assert letters(RepeatDataset(dataset=Letters(letters="abc"), times=3)) == "abcabcabc"


def test_the_seed_reaches_every_set():
    def drawn(seed):
        parts = [Letters(letters="a", pipeline=[Draw()]), Letters(letters="b", pipeline=[Draw()])]
        return ConcatDataset(datasets=parts, seed=seed)[3, 1]["depth"].tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_parts_are_the_sets_of_all_levels_each_once():
    a, b = Letters(letters="a", pipeline=[Draw()]), Letters(letters="bb")
    nested = ConcatDataset(datasets=[RepeatDataset(dataset=a, times=3), ConcatDataset(datasets=[b, a])], seed=5)
    assert nested.parts() == [a, b]
    assert letters(nested) == "aaabba"
    assert (a.seed, b.seed) == (5, 5)


@pytest.mark.parametrize("weights", [[1], [1, 0]])
def test_weights_must_fit(weights):
    with pytest.raises(ValueError, match="2 datasets have weights .*: give each one above 0"):
        ConcatDataset(datasets=[Letters(letters="a"), Letters(letters="b")], weights=weights)


@pytest.mark.parametrize(
    "options", [{"pipeline": [Draw()]}, {"cache": "folder"}, {"max_depth": 3}, {"datasets": []}], ids=str
)
def test_what_belongs_to_the_parts_is_refused(options):
    with pytest.raises(ValueError, match="each of the datasets has its own|there is no dataset to join"):
        ConcatDataset(**{"datasets": [Letters(letters="a")]} | options)


def test_a_part_without_depth_leaves_nothing_to_score():
    part, blind = Letters(letters="ab", max_depth=10), Letters(letters="c", max_depth=10)
    assert ConcatDataset(datasets=[part]).has_depth
    blind.has_depth = False
    assert not ConcatDataset(datasets=[part, blind]).has_depth
