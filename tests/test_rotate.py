import numpy as np
import pytest
from samples import COLUMN, ROW, Largest, counted, make_sample, projected, rng, sentinel

from depthkit.data.synthetic import SyntheticDataset
from depthkit.data.transforms import RandomCrop, RandomRotate, RandomRotateCrop


def test_positive_angles_are_clockwise():
    source = counted(5, 5)
    turned = RandomRotate(prob=1, degree=90)(source, Largest())
    np.testing.assert_array_equal(turned.image, np.rot90(source.image, k=-1))
    np.testing.assert_array_equal(turned.depth, np.rot90(source.depth, k=-1))


@pytest.mark.parametrize("degree", [2.5, -2.5, 20])
def test_rotation_moves_the_sentinel_and_the_intrinsics(degree):
    sample = RandomRotate(prob=1, degree=degree)(make_sample(), Largest())
    angle = np.deg2rad(degree)
    cos, sin = np.cos(angle), np.sin(angle)
    right, down = COLUMN - 319.5, ROW - 239.5
    expected = (239.5 + sin * right + cos * down, 319.5 + cos * right - sin * down)
    roll = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    np.testing.assert_allclose(projected(sample, camera=roll), expected, atol=1e-3)
    for place in sentinel(sample):
        np.testing.assert_allclose(place, expected, atol=0.5)


def test_rotation_keeps_square_pixels_and_a_centre_in_the_middle():
    intrinsics = np.array([[500, 0, 319.5], [0, 500, 239.5], [0, 0, 1]], np.float32)
    sample = RandomRotate(prob=1, degree=10)(make_sample(intrinsics=intrinsics), Largest())
    np.testing.assert_allclose(sample.intrinsics, intrinsics, atol=1e-4)


def test_rotation_mixes_no_depths_and_leaves_corners_unmeasured():
    sample = RandomRotate(prob=1, degree=10)(make_sample(), Largest())
    assert set(np.unique(sample.depth)) == {0, 1, 5}
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert sample.depth[row, column] == 0
        assert sample.image[row, column].tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_rotation_and_crop_in_one_step_are_what_they_are_in_two(seed):
    room = SyntheticDataset(num_images=4, scene_seed=0, height=128, width=160, max_depth=10).load(seed)
    one = RandomRotateCrop(0.9, 10, (100, 120))(room, rng(seed))
    stream = rng(seed)
    two = RandomCrop((100, 120))(RandomRotate(0.9, 10)(room, stream), stream)
    assert np.abs(one.image.astype(int) - two.image).max() <= 1
    assert (one.depth != two.depth).mean() < 1e-3
    np.testing.assert_allclose(one.intrinsics, two.intrinsics, rtol=1e-5)


def test_a_padded_rotation_keeps_every_corner():
    before = make_sample(240, 500)
    for corner in ((0, 0), (0, 496), (236, 0), (236, 496)):
        before.depth[corner[0] : corner[0] + 4, corner[1] : corner[1] + 4] = 7
    sample = RandomRotateCrop(1, 10, (540, 640), pad=True)(before, rng(1))
    assert (sample.image.shape, sample.depth.shape) == ((540, 640, 3), (540, 640))
    assert 4 * 16 * 0.7 < (sample.depth == 7).sum() < 4 * 16 * 1.3
