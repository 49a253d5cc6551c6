"""Several datasets as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from depthkit.data.dataset import DepthDataset
from depthkit.data.sample import Sample
from depthkit.registry import DATA


@DATA.register
@dataclass(kw_only=True, eq=False)
class ConcatDataset(DepthDataset):
    """All samples of `datasets`, one set after the other.

    `weights` are the shares that the sets should have: none is cut, so those that are too small for their share are
    repeated, each as evenly as can be. The seed reaches every set; the protocol is the first one's unless it is given;
    everything else is each set's own.
    """

    datasets: Sequence[DepthDataset]
    weights: Sequence[float] | None = None
    max_depth: float = 0.0
    protocol: str = ""

    def __post_init__(self) -> None:
        if self.weights is not None and (len(self.weights) != len(self.datasets) or min(self.weights) <= 0):
            raise ValueError(f"{len(self.datasets)} datasets have weights {self.weights}: give each one above 0")
        if not self.datasets:
            raise ValueError("there is no dataset to join: list at least one, or repeat it at least once")
        if self.pipeline or self.cache or self.max_depth:
            raise ValueError("each of the datasets has its own pipeline, cache and max_depth: set them there")
        self.protocol = self.protocol or self.datasets[0].protocol
        self.min_depth = min(dataset.min_depth for dataset in self.datasets)
        self.max_depth = max(dataset.max_depth for dataset in self.datasets)
        for dataset in self.parts():
            dataset.seed = self.seed

    def __len__(self) -> int:
        return sum(self.counts())

    @property
    def has_depth(self) -> bool:
        return all(dataset.has_depth for dataset in self.datasets)

    def counts(self) -> list[int]:
        """How many samples each set gives."""
        lengths = [len(dataset) for dataset in self.datasets]
        if self.weights is None:
            return lengths
        unit = max(length / weight for length, weight in zip(lengths, self.weights, strict=True))
        return [round(unit * weight) for weight in self.weights]

    def place(self, index: int) -> tuple[DepthDataset, int]:
        """The set of a sample, and its index there."""
        for dataset, count in zip(self.datasets, self.counts(), strict=True):
            if index < count:
                return dataset, index % len(dataset)
            index -= count
        raise IndexError(f"there is no sample {index} behind the last")

    def load(self, index: int) -> Sample:
        dataset, own = self.place(index)
        return dataset.load(own)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        dataset, own = self.place(key[1])
        return dataset[key[0], own]

    def parts(self) -> list[DepthDataset]:
        return list(dict.fromkeys(part for dataset in self.datasets for part in dataset.parts()))

    def check(self) -> None:
        for dataset in self.parts():
            dataset.check()


@DATA.register
@dataclass(kw_only=True, eq=False)
class RepeatDataset(ConcatDataset):
    """`dataset`, `times` times: for sets so small that epochs would be over at once."""

    dataset: DepthDataset
    times: int
    datasets: Sequence[DepthDataset] = field(init=False)

    def __post_init__(self) -> None:
        self.datasets = [self.dataset] * self.times
        super().__post_init__()
