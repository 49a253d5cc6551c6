"""Rotation of image and depth."""

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.data.transforms.geometry import common_size, moved, shift
from depthkit.registry import DATA


@DATA.register
class RandomRotate:
    """Turns the image around its centre by an angle drawn from -degree to degree; positive is clockwise.

    The image is interpolated, depth takes the nearest value; what comes from outside is black and not measured.
    The camera counts as rolled with its image, which leaves every depth as it is. Intrinsics of square pixels stay of
    that form; where fx and fy differ, they get the small skew that the turned pixel grid has.
    """

    def __init__(self, prob: float, degree: float) -> None:
        self.prob = prob
        self.degree = degree

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        rotate, angle = rng.random() < self.prob, np.deg2rad(rng.uniform(-self.degree, self.degree))
        height, width = common_size(sample)
        if not rotate:
            return sample
        # clockwise as seen: y points down
        roll = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        # pillow wants output -> input, and puts the centre of the first pixel at (0.5, 0.5)
        back = (shift(width / 2, height / 2) @ roll.T @ shift(-width / 2, -height / 2))[:2].ravel().tolist()
        size, affine = (width, height), Image.Transform.AFFINE
        image = Image.fromarray(sample.image).transform(size, affine, back, Image.Resampling.BILINEAR)
        depth = Image.fromarray(sample.depth).transform(size, affine, back, Image.Resampling.NEAREST)
        x, y = (width - 1) / 2, (height - 1) / 2
        return moved(sample, np.asarray(image), np.asarray(depth), shift(x, y) @ roll @ shift(-x, -y), camera=roll)
