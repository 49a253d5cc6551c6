import numpy as np
import torch

from depthkit.data.sample import Sample, to_tensors


def make_sample(intrinsics=None):
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    return Sample(image, np.arange(20, dtype=np.float32).reshape(4, 5), "a.jpg", intrinsics)


def test_shapes_and_types():
    tensors = to_tensors(make_sample(np.eye(3, dtype=np.float32)), 17)
    assert (tensors["image"].shape, tensors["image"].dtype) == ((3, 2, 3), torch.uint8)
    assert tensors["image"][:, 1, 2].tolist() == [15, 16, 17]  # red, green, blue of row 1, column 2
    assert (tensors["depth"].shape, tensors["depth"].dtype) == ((1, 4, 5), torch.float32)
    assert tensors["depth"][0, 1, 2] == 7
    assert (tensors["intrinsics"].shape, tensors["intrinsics"].dtype) == ((3, 3), torch.float32)
    assert (tensors["path"], tensors["position"]) == ("a.jpg", 17)


def test_intrinsics_are_a_key_only_where_there_are_any():
    assert set(to_tensors(make_sample(), 0)) == {"image", "depth", "path", "position"}


def test_views_become_contiguous():
    sample = make_sample()
    sample.image, sample.depth = sample.image[:, ::-1], sample.depth[::2, ::-1]
    tensors = to_tensors(sample, 0)
    assert tensors["image"][0].tolist() == [[6, 3, 0], [15, 12, 9]]
    assert tensors["depth"][0].tolist() == [[4, 3, 2, 1, 0], [14, 13, 12, 11, 10]]
