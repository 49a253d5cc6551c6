"""What holds for every transform."""

import numpy as np
import pytest
from samples import COLOURS, make_sample, rng

from depthkit.data.transforms import (
    ColorAug,
    ColorJitter,
    KBCrop,
    NYUCrop,
    RandomBlur,
    RandomCrop,
    RandomFlip,
    RandomGrayscale,
    RandomJPEG,
    RandomRotate,
    RandomRotateCrop,
    RandomScale,
    Resize,
    ResizeToMultiple,
)

JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}


@pytest.mark.parametrize(
    "transform",
    [
        NYUCrop(),
        KBCrop(100, 100),
        RandomFlip(1),
        RandomFlip(0),
        RandomRotate(0.5, 2),
        RandomCrop((100, 100)),
        RandomRotateCrop(0.5, 2, (100, 100)),
        RandomScale((1, 2)),
    ],
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
        (RandomRotateCrop(0, 2.5, (480, 640)), RandomRotateCrop(1, 2.5, (500, 640), pad=True)),
        (RandomScale((1, 1)), RandomScale((0.5, 2))),
        (ColorJitter(0, **JITTER), ColorJitter(1, **JITTER)),
        (RandomGrayscale(0), RandomGrayscale(1)),
        (RandomBlur(0, (1, 2)), RandomBlur(1, (1, 2))),
        (RandomJPEG(0, (30, 90)), RandomJPEG(1, (30, 90))),
    ],
)
def test_whatever_comes_out_the_same_number_of_values_is_drawn(one, other):
    streams = rng(3), rng(3)
    one(make_sample(), streams[0])
    other(make_sample(), streams[1])
    assert streams[0].random() == streams[1].random()


@pytest.mark.parametrize(
    "transform",
    [
        RandomFlip(0),
        RandomRotate(0, 2.5),
        ColorAug(0, **COLOURS),
        ColorJitter(0, **JITTER),
        RandomGrayscale(0),
        RandomBlur(0, (1, 2)),
        RandomJPEG(0, (30, 90)),
    ],
)
def test_at_probability_0_nothing_changes(transform):
    sample = make_sample()
    assert transform(sample, rng()) is sample


@pytest.mark.parametrize(
    "transform",
    [
        NYUCrop(),
        RandomFlip(1),
        RandomRotate(1, 2),
        RandomRotateCrop(1, 2, (100, 100)),
        RandomScale((1, 2)),
        ResizeToMultiple(518, 14),
        ColorAug(1, **COLOURS),
        ColorJitter(1, **JITTER),
        RandomGrayscale(1),
        RandomBlur(1, (1, 2)),
        RandomJPEG(1, (30, 90)),
    ],
)
def test_the_sample_given_stays_as_it_was_and_intrinsics_stay_absent(transform):
    sample, untouched = make_sample(intrinsics=None), make_sample(intrinsics=None)
    assert transform(sample, rng()).intrinsics is None
    np.testing.assert_array_equal(sample.image, untouched.image)
    np.testing.assert_array_equal(sample.depth, untouched.depth)
