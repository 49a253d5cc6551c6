"""Images of another size."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.data.transforms.geometry import moved, shift
from depthkit.registry import DATA


@DATA.register
class Resize:
    """Resizes the image alone to `size` = (height, width): depth, which is what a prediction is held against, keeps
    its own."""

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        (height, width), (old_height, old_width) = self.size, sample.image.shape[:2]
        image = Image.fromarray(sample.image).resize((width, height), Image.Resampling.BILINEAR)
        # the corner of the image stays where it is, half a pixel before the centre of the first pixel
        scale = np.diag([width / old_width, height / old_height, 1.0])
        return moved(sample, np.asarray(image), sample.depth, shift(-0.5, -0.5) @ scale @ shift(0.5, 0.5))
