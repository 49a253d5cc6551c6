"""Decoded samples kept on disk: reading one again costs no decoding, and no more of the file than a crop needs."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from depthkit.data.io import whole
from depthkit.data.sample import Sample


def through_cache(file: Path, load: Callable[[], Sample]) -> Sample:
    """The sample in `file`, mapped into memory; where there is no such file yet, what `load` returns, which is kept."""
    if not file.exists():
        sample = load()
        with whole(file) as partial, open(partial, "wb") as stream:
            torch.save({name: as_tensor(value) for name, value in vars(sample).items()}, stream)
            os.fsync(stream.fileno())
        return sample
    try:
        stored = torch.load(file, mmap=True, weights_only=True)
        return Sample(**{name: value.numpy() if isinstance(value, Tensor) else value for name, value in stored.items()})
    except Exception as error:  # damage surfaces as any of a dozen types
        raise ValueError(f"{file} in the dataset's cache is damaged, delete it: {error}") from error


def as_tensor(value: object) -> object:
    return torch.from_numpy(value.copy()) if hasattr(value, "dtype") else value
