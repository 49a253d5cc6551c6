import numpy as np
from samples import make_sample, rng

from depthkit.data.synthetic import SyntheticDataset
from depthkit.data.transforms import RandomBlur, RandomJPEG


def test_blur_spreads_a_point_as_a_gaussian_of_its_sigma():
    before = make_sample(41, 41)
    before.image[:], before.image[20, 20] = 0, 255
    blurred = RandomBlur(1, (2, 2))(before, rng()).image[..., 0].astype(float)
    rows = np.arange(41) - 20
    np.testing.assert_allclose((blurred.sum(axis=1) * rows).sum() / blurred.sum(), 0, atol=0.05)
    np.testing.assert_allclose((blurred.sum(axis=1) * rows**2).sum() / blurred.sum(), 4, rtol=0.15)


def test_jpeg_leaves_traces_that_shrink_with_quality():
    room = SyntheticDataset(num_images=1, scene_seed=0, height=128, width=160, max_depth=10).load(0)
    errors = [
        np.abs(RandomJPEG(1, (quality, quality))(room, rng()).image.astype(float) - room.image).mean()
        for quality in (10, 50, 95)
    ]
    assert errors[0] > errors[1] > errors[2] > 0


def test_depth_and_intrinsics_stay():
    before = make_sample()
    sample = RandomJPEG(1, (30, 90))(RandomBlur(1, (1, 1))(before, rng()), rng())
    np.testing.assert_array_equal(sample.depth, before.depth)
    np.testing.assert_array_equal(sample.intrinsics, before.intrinsics)
