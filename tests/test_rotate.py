import numpy as np
import pytest
from samples import COLUMN, ROW, Largest, counted, make_sample, projected, sentinel

from depthkit.data.transforms import RandomRotate


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
