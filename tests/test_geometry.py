import numpy as np
import pytest
from samples import COLUMN, ROW, counted, make_sample, projected, rng, sentinel

from depthkit.data.transforms import KBCrop, NYUCrop, RandomCrop, RandomFlip


def test_nyu_crop():
    cropped = NYUCrop()(counted(480, 640), rng())
    assert (cropped.image.shape, cropped.depth.shape) == ((427, 565, 3), (427, 565))
    assert cropped.depth[0, 0] == 45 * 640 + 43 + 1
    assert cropped.depth[-1, -1] == 471 * 640 + 607 + 1
    sample = NYUCrop()(make_sample(), rng())
    for place in (*sentinel(sample), projected(sample)):
        np.testing.assert_allclose(place, (ROW - 45, COLUMN - 43), atol=1e-3)
    np.testing.assert_allclose(sample.intrinsics[:2, 2], (282.5824, 208.7362), rtol=1e-6)


def test_nyu_crop_is_for_nyu():
    with pytest.raises(ValueError, match=r"480 x 640 pixels \(rows x columns\), kitchen/rgb_1.jpg has 427 x 565"):
        NYUCrop()(make_sample(427, 565), rng())


def test_kb_crop_keeps_the_bottom_and_the_middle():
    sample = KBCrop()(counted(375, 1242), rng())
    assert (sample.image.shape, sample.depth.shape) == ((352, 1216, 3), (352, 1216))
    assert sample.depth[0, 0] == 23 * 1242 + 13 + 1
    assert sample.depth[-1, -1] == 374 * 1242 + 1228 + 1
    odd = KBCrop(height=2, width=2)(counted(4, 5), rng())  # one column left of the two, two right of them
    np.testing.assert_array_equal(odd.depth, [[12, 13], [17, 18]])

    sample = KBCrop()(make_sample(375, 1242), rng())
    for place in (*sentinel(sample), projected(sample)):
        np.testing.assert_allclose(place, (ROW - 23, COLUMN - 13), atol=1e-3)


@pytest.mark.parametrize("size", [(351, 1242), (375, 1215)])
def test_kb_crop_of_a_smaller_image_is_an_error(size):
    with pytest.raises(ValueError, match=rf"KBCrop: 352 x 1216 is larger than counted.png, {size[0]} x {size[1]} \(r"):
        KBCrop()(counted(*size), rng())


def test_flip():
    sample = RandomFlip(prob=1)(make_sample(), rng())
    for place in (*sentinel(sample), projected(sample, camera=np.diag([-1, 1, 1]))):
        np.testing.assert_allclose(place, (ROW, 639 - COLUMN), atol=1e-3)
    np.testing.assert_allclose(sample.intrinsics, [[518.8579, 0, 313.4176], [0, 519.4696, 253.7362], [0, 0, 1]])


def test_flipping_twice_changes_nothing():
    before = make_sample()
    after = RandomFlip(prob=1)(RandomFlip(prob=1)(before, rng()), rng())
    np.testing.assert_array_equal(after.image, before.image)
    np.testing.assert_array_equal(after.depth, before.depth)
    np.testing.assert_allclose(after.intrinsics, before.intrinsics, rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_random_crop(seed):
    cropped = RandomCrop((416, 544))(counted(427, 565), rng(seed))
    assert (cropped.image.shape, cropped.depth.shape) == ((416, 544, 3), (416, 544))
    top, left = divmod(int(cropped.depth[0, 0]) - 1, 565)
    assert 0 <= top <= 11
    assert 0 <= left <= 21
    assert tuple(cropped.image[0, 0, :2]) == (top, left)

    sample = RandomCrop((416, 544))(make_sample(427, 565), rng(seed))
    for place in (*sentinel(sample), projected(sample)):
        np.testing.assert_allclose(place, (ROW - top, COLUMN - left), atol=1e-3)


def test_random_crop_reaches_every_offset():
    crop, source, stream = RandomCrop((4, 5)), counted(6, 6), rng()
    corners = [divmod(int(crop(source, stream).depth[0, 0]) - 1, 6) for _ in range(100)]
    assert set(corners) == {(row, column) for row in range(3) for column in range(2)}
    np.testing.assert_array_equal(RandomCrop([6, 6])(source, stream).depth, source.depth)


def test_a_crop_larger_than_the_image_is_an_error():
    with pytest.raises(ValueError, match="crop_size 416 x 700 is larger than kitchen/rgb_1.jpg, 427 x 565.*pad=True"):
        RandomCrop((416, 700))(make_sample(427, 565), rng())


@pytest.mark.parametrize("seed", range(5))
def test_a_padded_crop_has_its_size_and_all_of_a_smaller_image(seed):
    sample = RandomCrop((500, 600), pad=True)(make_sample(427, 565), rng(seed))
    assert (sample.image.shape, sample.depth.shape) == ((500, 600, 3), (500, 600))
    assert (sample.depth > 0).sum() == 427 * 565
    assert not sample.image[sample.depth == 0].any()
    for place in sentinel(sample):
        np.testing.assert_allclose(place, projected(sample), atol=1e-3)


def test_a_crop_that_is_wider_and_lower_pads_one_side_and_cuts_the_other():
    crop, source, stream = RandomCrop((2, 4), pad=True), counted(3, 3), rng()
    found = {tuple(crop(source, stream).depth.ravel().astype(int).tolist()) for _ in range(100)}
    assert found == {
        (0, 1, 2, 3, 0, 4, 5, 6),
        (1, 2, 3, 0, 4, 5, 6, 0),
        (0, 4, 5, 6, 0, 7, 8, 9),
        (4, 5, 6, 0, 7, 8, 9, 0),
    }
