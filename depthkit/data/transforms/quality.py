"""What a worse camera would have seen. Depth and intrinsics stay."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from depthkit.data.sample import Sample
from depthkit.registry import DATA


@DATA.register
class RandomBlur:
    """Blurs the image, as out of focus, by a Gaussian whose sigma, in pixels, is drawn from `sigma_range`."""

    def __init__(self, prob: float, sigma_range: Sequence[float]) -> None:
        self.prob = prob
        self.sigma_range = sigma_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        blur, sigma = rng.random() < self.prob, rng.uniform(*self.sigma_range)
        if not blur:
            return sample
        image = Image.fromarray(sample.image).filter(ImageFilter.GaussianBlur(sigma))
        return replace(sample, image=np.asarray(image))


@DATA.register
class RandomJPEG:
    """Gives the image the traces of JPEG compression, at a quality, 0 to 100, drawn from `quality_range`."""

    def __init__(self, prob: float, quality_range: Sequence[int]) -> None:
        self.prob = prob
        self.quality_range = quality_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        compress, quality = rng.random() < self.prob, round(rng.uniform(*self.quality_range))
        if not compress:
            return sample
        file = io.BytesIO()
        Image.fromarray(sample.image).save(file, "JPEG", quality=quality)
        return replace(sample, image=np.asarray(Image.open(file)))
