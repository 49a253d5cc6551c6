import numpy as np
import pytest
from samples import COLOURS, Largest, counted, rng

from depthkit.data.sample import Sample
from depthkit.data.transforms import ColorAug, ColorJitter, RandomGrayscale


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


def pixel(*colour):
    return Sample(np.array([[colour]], np.uint8), np.ones((1, 1), np.float32), "a")


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ({"brightness": 0.5}, (150, 75, 30)),  # each value times 1.5
        ({"saturation": 1.0}, (138, 38, 0)),  # twice as far from the grey of 62
        ({"hue": 1 / 3}, (20, 100, 50)),  # 40 degrees of hue become 160, so that green leads
    ],
)
def test_jitter_by_hand(spread, expected):
    spread = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0} | spread
    changed = ColorJitter(1, **spread)(pixel(100, 50, 20), Largest())
    np.testing.assert_allclose(changed.image[0, 0], expected, atol=3)


def test_contrast_is_about_the_mean_grey():
    sample = Sample(np.array([[[100] * 3, [140] * 3]], np.uint8), np.ones((1, 2), np.float32), "a")
    changed = ColorJitter(1, brightness=0, contrast=0.5, saturation=0, hue=0)(sample, Largest())
    assert changed.image[0, :, 0].tolist() == [90, 150]


def test_grey_is_what_the_eye_would_see():
    grey = RandomGrayscale(1)(pixel(100, 50, 20), rng()).image[0, 0]
    assert grey.tolist() == [round(0.299 * 100 + 0.587 * 50 + 0.114 * 20)] * 3
