"""Decoded samples kept on disk: reading one again costs no decoding, and no more of the file than a crop needs."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from depthkit.data.io import whole
from depthkit.data.sample import Sample


def through_cache(file: Path, load: Callable[[], Sample]) -> Sample:
    """The sample in `file`, mapped into memory; where there is no such file yet, what `load` returns, which is kept."""
    if not file.exists():
        sample = load()
        with whole(file) as partial, open(partial, "wb") as stream:
            np.save(stream, as_record(sample))
            os.fsync(stream.fileno())
        return sample
    try:
        record = np.load(file, mmap_mode="c")  # changes stay in memory
        fields = {name: np.asarray(record[name]) for name in record.dtype.names}
    except Exception as error:  # damage surfaces as any of a dozen types
        raise ValueError(f"{file} in the dataset's cache is damaged, delete it: {error}") from error
    return Sample(**{name: array if array.ndim else array.item() for name, array in fields.items()})


def as_record(sample: Sample) -> np.ndarray:
    """One element of a structured type, with a field for each attribute that the sample has."""
    arrays = {name: np.asarray(value) for name, value in vars(sample).items() if value is not None}
    record = np.empty((), np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True))
    for name, array in arrays.items():
        record[name] = array
    return record
