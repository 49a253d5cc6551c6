import numpy as np
import pytest

from depthkit.data.sample import Sample
from depthkit.data.transforms import ColorAug, KBCrop, NYUCrop, RandomCrop, RandomFlip, RandomRotate, Resize

INTRINSICS = np.array([[518.8579, 0, 325.5824], [0, 519.4696, 253.7362], [0, 0, 1]], np.float32)
COLOURS = {"gamma_range": (0.9, 1.1), "brightness_range": (0.75, 1.25), "color_range": (0.9, 1.1)}
ROW, COLUMN = 200, 400  # of the sentinel


def rng(seed=0):
    return np.random.default_rng(seed)


def make_sample(height=480, width=640, intrinsics=INTRINSICS):
    """Grey at 1 m, with a 3 x 3 sentinel of red at 5 m around (ROW, COLUMN)."""
    image, depth = np.full((height, width, 3), 128, np.uint8), np.ones((height, width), np.float32)
    image[ROW - 1 : ROW + 2, COLUMN - 1 : COLUMN + 2] = (255, 0, 0)
    depth[ROW - 1 : ROW + 2, COLUMN - 1 : COLUMN + 2] = 5
    return Sample(image, depth, "kitchen/rgb_1.jpg", intrinsics)


def counted(height, width):
    """Every pixel differs; depth counts them, the image holds row, column and row + column."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
    return Sample(image, np.arange(1, height * width + 1, dtype=np.float32).reshape(height, width), "counted.png")


def sentinel(sample):
    """Its middle as (row, column), in the image and in depth."""
    red = (sample.image[..., 0] > 200) & (sample.image[..., 1] < 60)
    return np.argwhere(red).mean(axis=0), np.argwhere(sample.depth == 5).mean(axis=0)


def projected(sample, camera=np.eye(3)):  # noqa: B008  a constant
    """(row, column) where the sentinel's point in space, moved to the new camera's frame, appears by the intrinsics."""
    x, y, w = sample.intrinsics @ camera @ np.linalg.inv(INTRINSICS) @ (COLUMN, ROW, 1)
    return y / w, x / w


class Largest:
    """Draws the coin that always falls on yes, and the upper end of each range."""

    def random(self):
        return 0.0

    def uniform(self, low, high):
        return high


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
    with pytest.raises(ValueError, match="crop_size 416 x 700 is larger than kitchen/rgb_1.jpg, 427 x 565"):
        RandomCrop((416, 700))(make_sample(427, 565), rng())


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


def test_colours_follow_the_formula():
    sample = counted(128, 128)
    changed = ColorAug(prob=1, **COLOURS)(sample, rng(7))
    stream = rng(7)
    _, gamma, brightness = stream.random(), stream.uniform(0.9, 1.1), stream.uniform(0.75, 1.25)
    colour = [stream.uniform(0.9, 1.1) for _ in range(3)]
    exact = (sample.image.astype(np.float64) ** gamma * brightness * colour).clip(0, 255)
    assert changed.image.dtype == np.uint8
    assert np.abs(changed.image - exact).max() <= 0.5
    np.testing.assert_array_equal(changed.depth, sample.depth)


def test_colours_by_hand():
    values = np.array([[[0, 100, 250]]], np.uint8)
    aug = ColorAug(prob=1, gamma_range=(1, 1), brightness_range=(1.25, 1.25), color_range=(1, 1))
    assert aug(Sample(values, np.ones((1, 1), np.float32), "a"), rng()).image.tolist() == [[[0, 125, 255]]]


def test_resize_leaves_depth_alone():
    before = make_sample()
    sample = Resize((240, 320))(before, rng())
    assert sample.image.shape == (240, 320, 3)
    assert sample.depth is before.depth
    np.testing.assert_allclose(projected(sample), ((ROW + 0.5) / 2 - 0.5, (COLUMN + 0.5) / 2 - 0.5), atol=1e-3)
    np.testing.assert_allclose(sentinel(sample)[0], projected(sample), atol=0.5)
    np.testing.assert_allclose(sample.intrinsics[:2, 2], (162.5412, 126.6181), rtol=1e-5)


@pytest.mark.parametrize(
    "transform",
    [NYUCrop(), KBCrop(100, 100), RandomFlip(1), RandomFlip(0), RandomRotate(0.5, 2), RandomCrop((100, 100))],
)
def test_moving_pixels_needs_image_and_depth_of_one_size(transform):
    sample = Resize((240, 320))(make_sample(), rng())
    with pytest.raises(ValueError, match="kitchen/rgb_1.jpg: the image has 240 x 320 pixels, its depth 480 x 640"):
        transform(sample, rng())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RandomFlip(0), RandomFlip(1)),
        (RandomRotate(0, 2.5), RandomRotate(1, 2.5)),
        (ColorAug(0, **COLOURS), ColorAug(1, **COLOURS)),
        (RandomCrop((480, 640)), RandomCrop((300, 300))),
    ],
)
def test_whatever_comes_out_the_same_number_of_values_is_drawn(one, other):
    streams = rng(3), rng(3)
    one(make_sample(), streams[0])
    other(make_sample(), streams[1])
    assert streams[0].random() == streams[1].random()


@pytest.mark.parametrize("transform", [RandomFlip(0), RandomRotate(0, 2.5), ColorAug(0, **COLOURS)])
def test_at_probability_0_nothing_changes(transform):
    sample = make_sample()
    assert transform(sample, rng()) is sample


@pytest.mark.parametrize("transform", [RandomFlip(1), RandomRotate(1, 2), ColorAug(1, **COLOURS), NYUCrop()])
def test_the_sample_given_stays_as_it_was_and_intrinsics_stay_absent(transform):
    sample, untouched = make_sample(intrinsics=None), make_sample(intrinsics=None)
    assert transform(sample, rng()).intrinsics is None
    np.testing.assert_array_equal(sample.image, untouched.image)
    np.testing.assert_array_equal(sample.depth, untouched.depth)
