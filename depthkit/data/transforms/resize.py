"""Images of another size."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.data.transforms.geometry import common_size, moved, shift
from depthkit.registry import DATA


@DATA.register
class Resize:
    """Resizes the image alone to `size` = (height, width): depth, which is what a prediction is held against, keeps
    its own."""

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return resized(sample, self.size, sample.depth)


@DATA.register
class ResizeToMultiple:
    """Resizes the image alone, as Resize does, so that its shorter side has `short_side` pixels and the longer one the
    count that keeps the proportions best, both rounded to multiples of `multiple`: a transformer's patch."""

    def __init__(self, short_side: int, multiple: int) -> None:
        if short_side < 1 or multiple < 1:
            raise ValueError(
                f"the shorter side is to have {short_side} pixels, in multiples of {multiple}: use 1 or more"
            )
        self.short_side = short_side
        self.multiple = multiple

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        old = sample.image.shape[:2]
        scale = self.short_side / min(old) / self.multiple
        height, width = (max(1, round(length * scale)) * self.multiple for length in old)
        return resized(sample, (height, width), sample.depth)


@DATA.register
class RandomScale:
    """Enlarges image and depth by a factor drawn from `scale_range`, evenly on a logarithmic scale, as a longer lens
    would: depths stay, the focal lengths grow. Depth takes the nearest value."""

    def __init__(self, scale_range: Sequence[float]) -> None:
        self.scale_range = scale_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        scale = np.exp(rng.uniform(*np.log(self.scale_range)))
        height, width = (max(1, round(length * scale)) for length in common_size(sample))
        depth = Image.fromarray(sample.depth).resize((width, height), Image.Resampling.NEAREST)
        return resized(sample, (height, width), np.asarray(depth))


def resized(sample: Sample, size: tuple[int, int], depth: np.ndarray) -> Sample:
    (height, width), (old_height, old_width) = size, sample.image.shape[:2]
    image = Image.fromarray(sample.image).resize((width, height), Image.Resampling.BILINEAR)
    # the corner of the image stays where it is, half a pixel before the centre of the first pixel
    scale = np.diag([width / old_width, height / old_height, 1.0])
    return moved(sample, np.asarray(image), depth, shift(-0.5, -0.5) @ scale @ shift(0.5, 0.5))
