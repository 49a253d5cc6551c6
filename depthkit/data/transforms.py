"""Transforms of a sample: callables on (sample, rng) that move image, depth and intrinsics together.

Each draws the same number of random values whatever comes out, so that one transform's coin does not change the next
one's draws. Those that move pixels need image and depth of one size, except Resize, which is for evaluation.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.registry import DATA


def crop(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The window of `height` x `width` pixels at (top, left) of image and depth."""
    if sample.image.shape[:2] != sample.depth.shape:
        raise ValueError(
            f"{sample.path}: the image has {sample.image.shape[:2]} pixels, its depth {sample.depth.shape}; training"
            f" transforms need both of one size"
        )
    window = np.s_[top : top + height, left : left + width]
    sample.image, sample.depth = sample.image[window], sample.depth[window]
    if sample.intrinsics is not None:
        sample.intrinsics = sample.intrinsics - np.array([[0, 0, left], [0, 0, top], [0, 0, 0]], np.float32)
    return sample


@DATA.register
class NYUCrop:
    """Rows 45:472 and columns 43:608 of a 480 x 640 frame: NYU's images have a white border."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if sample.image.shape[:2] != (480, 640):
            raise ValueError(f"{sample.path}: NYUCrop is for 480 x 640 frames, not {sample.image.shape[:2]}")
        return crop(sample, 45, 43, 472 - 45, 608 - 43)


@DATA.register
class RandomCrop:
    """A window of `size` (height, width) anywhere in the image, which must not be smaller."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        room = np.subtract(sample.image.shape[:2], self.size)
        if (room < 0).any():
            raise ValueError(f"{sample.path}: no crop of {self.size} fits into the image of {sample.image.shape[:2]}")
        top, left = rng.integers(room + 1)
        return crop(sample, top, left, *self.size)


@DATA.register
class RandomRotate:
    """Turns the image clockwise by up to +-`degree` about its middle, with probability `prob`.

    The image is sampled bilinearly and black outside, depth by the nearest pixel and not measured outside. Intrinsics
    stay: they describe no roll of the camera, and its axis stays nearly in the middle.
    """

    def __init__(self, prob: float, degree: float) -> None:
        self.prob = prob
        self.degree = degree

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        coin, angle = rng.random(), np.radians(rng.uniform(-self.degree, self.degree))
        if coin < self.prob:
            sample.image = np.asarray(rotate(Image.fromarray(sample.image), angle, Image.Resampling.BILINEAR))
            sample.depth = np.asarray(rotate(Image.fromarray(sample.depth), angle, Image.Resampling.NEAREST))
        return sample


def rotate(picture: Image.Image, angle: float, resampling: Image.Resampling) -> Image.Image:
    """Clockwise by `angle` radians about the middle, in the same frame, 0 where nothing was."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = picture.width / 2, picture.height / 2  # pillow counts from pixel corners, so this is (w - 1) / 2 of centres
    # for each pixel of the result, where it comes from
    matrix = (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y)
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, resampling)


@DATA.register
class RandomFlip:
    """Mirrors left and right with probability `prob`."""

    def __init__(self, prob: float) -> None:
        self.prob = prob

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() < self.prob:
            sample.image, sample.depth = sample.image[:, ::-1], sample.depth[:, ::-1]
            if sample.intrinsics is not None:
                sample.intrinsics = sample.intrinsics.copy()
                sample.intrinsics[0, 2] = sample.image.shape[1] - 1 - sample.intrinsics[0, 2]
        return sample


@DATA.register
class ColorAug:
    """image ** gamma * brightness * color with probability `prob`, each drawn from its range, `color` for each channel.

    The power is taken on the 0..255 scale, as in the toolbox.
    """

    def __init__(
        self,
        prob: float,
        gamma_range: Sequence[float] = (0.9, 1.1),
        brightness_range: Sequence[float] = (0.75, 1.25),
        color_range: Sequence[float] = (0.9, 1.1),
    ) -> None:
        self.prob = prob
        self.gamma_range = gamma_range
        self.brightness_range = brightness_range
        self.color_range = color_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        coin = rng.random()
        gamma, brightness = rng.uniform(*self.gamma_range), rng.uniform(*self.brightness_range)
        color = rng.uniform(*self.color_range, size=3)
        if coin < self.prob:
            values = np.arange(256.0)[:, None] ** gamma * brightness * color
            table = np.clip(values, 0, 255).round().astype(np.uint8)  # (256, 3)
            sample.image = np.stack([table[:, c][sample.image[..., c]] for c in range(3)], axis=-1)
        return sample


@DATA.register
class Resize:
    """The image alone at `size` (height, width); depth keeps its own, at which predictions are compared."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = self.size
        scale = np.array([width / sample.image.shape[1], height / sample.image.shape[0]], np.float32)
        sample.image = np.asarray(Image.fromarray(sample.image).resize((width, height), Image.Resampling.BILINEAR))
        if sample.intrinsics is not None:
            sample.intrinsics = sample.intrinsics.copy()
            # pixel centres are integers: the image's corner is at -1/2
            sample.intrinsics[:2, 2] = (sample.intrinsics[:2, 2] + 0.5) * scale - 0.5
            sample.intrinsics[[0, 1], [0, 1]] *= scale
        return sample
