import numpy as np
from samples import COLOURS, counted, rng

from depthkit.data.sample import Sample
from depthkit.data.transforms import ColorAug


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
