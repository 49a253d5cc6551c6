"""What happens to colours. Depth and intrinsics stay."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image
from PIL.ImageEnhance import Brightness, Color, Contrast

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
        tables = np.rint(np.arange(256) ** gamma * brightness * colour).clip(0, 255).astype(np.uint8)
        channels = [table.take(values) for table, values in zip(tables, sample.image.transpose(2, 0, 1), strict=True)]
        return replace(sample, image=np.stack(channels).transpose(1, 2, 0))


@DATA.register
class ColorJitter:
    """Brightness, contrast, saturation and hue, in this order, each by a factor drawn from 1 - x to 1 + x.

    Hue is turned by -x to x of the full circle instead.
    """

    def __init__(self, prob: float, brightness: float, contrast: float, saturation: float, hue: float) -> None:
        self.prob = prob
        self.spread = np.array([brightness, contrast, saturation, hue])

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        change = rng.random() < self.prob
        *factors, turn = np.array([1, 1, 1, 0]) + rng.uniform(-1, 1, size=4) * self.spread
        if not change:
            return sample
        image = Image.fromarray(sample.image)
        for enhance, factor in zip((Brightness, Contrast, Color), factors, strict=True):
            image = enhance(image).enhance(factor)
        hue, saturation, value = image.convert("HSV").split()
        hue = hue.point([round(step + 256 * turn) % 256 for step in range(256)])
        image = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
        return replace(sample, image=np.asarray(image))


@DATA.register
class RandomGrayscale:
    """Takes the colour away: three equal channels stay."""

    def __init__(self, prob: float) -> None:
        self.prob = prob

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        return replace(sample, image=np.asarray(Image.fromarray(sample.image).convert("L").convert("RGB")))
