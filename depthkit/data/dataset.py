"""What all datasets have in common: from an index to the tensors of one sample."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import Dataset

from depthkit.data.cache import through_cache
from depthkit.data.sample import Sample, to_tensors

CHECKED = 8  # samples that are looked at before a training
Transform = Callable[[Sample, np.random.Generator], Sample]


@dataclass(kw_only=True, eq=False)
class DepthDataset(Dataset, ABC):
    """Images with depth. A subclass, a dataclass too, says which there are and how one is loaded.

    Depth outside [min_depth, max_depth], metres, counts as not measured. `protocol` names how predictions on this set
    are scored. `seed` is the run's. `depth_scale` says how metres become the integers of depth files.
    `cache` is a folder that takes each sample, decoded, when it is first loaded; files that change later do not reach
    it, so delete it then.
    Making one reads no files: what is missing on disk shows when the length is first asked for.
    """

    pipeline: Sequence[Transform] = ()
    min_depth: float = 1e-3
    max_depth: float
    protocol: str = "full"
    depth_scale: float = 1000
    seed: int = 0
    cache: str | None = None

    has_depth: ClassVar[bool] = True  # False where a test set keeps its depth to itself: depths are all 0

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def load(self, index: int) -> Sample:
        """The sample as it is on disk, before any transform."""

    def parts(self) -> "list[DepthDataset]":
        """The sets that this one is made of, each once: itself, unless it joins others."""
        return [self]

    def unpaired(self) -> list[str]:
        """What stands beside the samples and belongs to none, as lines for a report."""
        return []

    def name(self, path: str) -> str:
        """What files about the sample of that `path` are called, below some folder and without a suffix."""
        return str(Path(path).relative_to(Path(path).anchor).with_suffix(""))

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`key` is (position, index): all that is random about a sample follows from the seed and its position among
        the samples that the whole run deals, whichever worker or rank makes it."""
        position, index = key
        sample = through_cache(self.cache_file(index), lambda: self.load(index)) if self.cache else self.load(index)
        return self.prepare(sample, position)

    def prepare(self, sample: Sample, position: int) -> dict[str, Any]:
        """What a loaded sample is at `position`, through the pipeline."""
        rng = np.random.default_rng((self.seed, position))
        for transform in self.pipeline:
            sample = transform(sample, rng)
        return to_tensors(replace(sample, depth=self.within_range(sample.depth)), position)

    def cache_file(self, index: int) -> Path:
        """Where the decoded sample is kept. Sets that differ in what they load never share a file."""
        others = ("pipeline", "protocol", "seed", "cache")
        loaded = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in others}
        identity = hashlib.sha256(f"{type(self).__name__} {loaded} {len(self)}".encode()).hexdigest()
        return Path(self.cache, identity[:16], f"{index}.npy")

    def within_range(self, depth: np.ndarray) -> np.ndarray:
        """`depth` in metres, with 0 where it counts as not measured."""
        measured = (depth >= self.min_depth) & (depth <= self.max_depth)
        # its bits times 1 or 0: several times as fast as np.where, and 0 where nan * 0 is nan
        return (depth.view(np.int32) * measured).view(np.float32)

    def check(self) -> None:
        """Loads some samples, spread over the set: what is wrong with all files shows before the work starts.

        A file that cannot be read is an error, and so are depths of which not one is measured.
        """
        indices = np.linspace(0, len(self) - 1, min(CHECKED, len(self))).astype(int)
        samples = [self.load(int(index)) for index in indices]
        if not any(self.within_range(sample.depth).any() for sample in samples):
            highest = max(float(sample.depth.max()) for sample in samples)
            raise ValueError(
                f"no depth of {len(samples)} samples, such as {samples[0].path}, lies in {self.min_depth:g} to"
                f" {self.max_depth:g} m, the highest is {highest:g} m: look at the dataset's depth_scale and range"
            )


class ToleratingDataset(Dataset):
    """`dataset` for training where some files are bad: in place of a sample that cannot be made stands the next one
    that can, without its depth, so that no loss sees it and batches keep their shape.

    Samples have one key more, `fault`: why the sample that was meant is bad, naming its file, or "".
    """

    def __init__(self, dataset: DepthDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def load(self, index: int) -> Sample:
        return self.dataset.load(index)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        position, index = key
        fault = ""
        for place in range(index, index + len(self)):
            try:
                tensors = self.dataset[position, place % len(self)]
            except (OSError, ValueError) as error:
                fault = fault or str(error)
                continue
            if fault:
                tensors["depth"] = torch.zeros_like(tensors["depth"])
            return tensors | {"fault": fault}
        raise ValueError(f"not one of the {len(self)} samples can be made; the first fault: {fault}")
