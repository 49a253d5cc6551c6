"""What happens to colours. Depth and intrinsics stay."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.registry import DATA


@DATA.register
class ColorAug:
    """image ** gamma * brightness * colour, on values 0 to 255, with a colour factor for each channel.

    Each factor is drawn from its range; results are rounded and cut at 255.
    """

    def __init__(
        self,
        prob: float,
        gamma_range: Sequence[float],
        brightness_range: Sequence[float],
        color_range: Sequence[float],
    ) -> None:
        self.prob = prob
        self.gamma_range = gamma_range
        self.brightness_range = brightness_range
        self.color_range = color_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        change = rng.random() < self.prob
        gamma, brightness = rng.uniform(*self.gamma_range), rng.uniform(*self.brightness_range)
        colour = rng.uniform(*self.color_range, size=(3, 1))
        if not change:
            return sample
        # each of the 256 values once, for each channel
        table = np.rint(np.arange(256) ** gamma * brightness * colour).clip(0, 255).astype(int)
        return replace(sample, image=np.asarray(Image.fromarray(sample.image).point(table.ravel().tolist())))
