import dataclasses

import numpy as np
import pytest

from depthkit.data.synthetic import SyntheticDataset
from depthkit.data.transforms import RandomCrop, RandomFlip


def rooms(folder, **options):
    pipeline = [RandomFlip(0.5), RandomCrop((20, 30))]
    options = {"num_images": 3, "scene_seed": 0, "height": 24, "width": 32, "max_depth": 10} | options
    return SyntheticDataset(cache=str(folder / "cache") if folder else None, pipeline=pipeline, **options)


class Unreadable(SyntheticDataset):
    def load(self, index):
        raise OSError("the files are gone")


def test_samples_from_the_cache_are_what_was_loaded(tmp_path):
    plain, cached = rooms(None), rooms(tmp_path)
    for _ in range(2):  # written, then read
        for index in range(3):
            expected, found = plain[7, index], cached[7, index]
            assert found.keys() == expected.keys()
            for key, value in expected.items():
                np.testing.assert_array_equal(found[key], value)


def test_the_files_are_read_once_in_all_runs(tmp_path):
    first = rooms(tmp_path)[0, 0]
    fields = {field.name: getattr(rooms(tmp_path), field.name) for field in dataclasses.fields(SyntheticDataset)}
    gone = Unreadable(**fields)
    with pytest.raises(OSError, match="gone"):
        gone[0, 0]  # another type loads otherwise
    gone.cache_file = rooms(tmp_path).cache_file
    np.testing.assert_array_equal(gone[0, 0]["image"], first["image"])


@pytest.mark.parametrize("change", [{"height": 40}, {"depth_scale": 256}, {"num_images": 4}, {"scene_seed": 1}])
def test_what_is_loaded_otherwise_lies_elsewhere(tmp_path, change):
    assert rooms(tmp_path).cache_file(0) == rooms(tmp_path, seed=5, protocol="full").cache_file(0)
    assert rooms(tmp_path).cache_file(0) != rooms(tmp_path, **change).cache_file(0)


def test_a_changed_sample_does_not_reach_the_cache(tmp_path):
    cached = rooms(tmp_path)
    before = cached[0, 0]
    cached[0, 0]["image"][:] = 0
    np.testing.assert_array_equal(cached[0, 0]["image"], before["image"])


def test_damage_is_named(tmp_path):
    cached = rooms(tmp_path)
    cached[0, 0]
    file = cached.cache_file(0)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"{file} in the dataset's cache is damaged, delete it"):
        cached[0, 0]
    assert list(file.parent.iterdir()) == [file]
