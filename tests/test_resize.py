import numpy as np
import pytest
from samples import COLUMN, ROW, counted, make_sample, projected, rng, sentinel

from depthkit.data.transforms import RandomScale, Resize, ResizeToMultiple


def test_resize_leaves_depth_alone():
    before = make_sample()
    sample = Resize((240, 320))(before, rng())
    assert sample.image.shape == (240, 320, 3)
    assert sample.depth is before.depth
    np.testing.assert_allclose(projected(sample), ((ROW + 0.5) / 2 - 0.5, (COLUMN + 0.5) / 2 - 0.5), atol=1e-3)
    np.testing.assert_allclose(sentinel(sample)[0], projected(sample), atol=0.5)
    np.testing.assert_allclose(sample.intrinsics[:2, 2], (162.5412, 126.6181), rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 640), (518, 686)), ((640, 480), (686, 518)), ((375, 1242), (518, 1722))]
)
def test_resize_to_a_multiple(size, expected):
    sample = ResizeToMultiple(518, 14)(make_sample(*size), rng())
    assert sample.image.shape[:2] == expected
    assert sample.depth.shape == size
    if size[1] > COLUMN:
        np.testing.assert_allclose(sentinel(sample)[0], projected(sample), atol=0.6)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.37, 2])
def test_random_scale_moves_image_depth_and_intrinsics_together(scale):
    sample = RandomScale((scale, scale))(make_sample(), rng())
    assert sample.image.shape[:2] == sample.depth.shape == (round(480 * scale), round(640 * scale))
    assert set(np.unique(sample.depth)) == {1, 5}
    np.testing.assert_allclose(sample.intrinsics[0, 0], 518.8579 * scale, rtol=2e-3)
    for place in sentinel(sample):
        np.testing.assert_allclose(place, projected(sample), atol=1)


def test_random_scale_enlarges_as_often_as_it_reduces():
    stream, source = rng(), counted(100, 100)
    sizes = [RandomScale((0.5, 2))(source, stream).depth.shape[0] for _ in range(400)]
    assert 50 <= min(sizes) < 55
    assert 190 < max(sizes) <= 200
    assert 160 < sum(size < 100 for size in sizes) < 240
