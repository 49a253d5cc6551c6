"""Rotation of image and depth."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from depthkit.data.sample import Sample
from depthkit.data.transforms.geometry import RandomCrop, common_size, crop, moved, shift
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
        angle = self.draw(rng)
        size = common_size(sample)
        return sample if angle is None else rotated(sample, angle, 0, 0, size)

    def draw(self, rng: np.random.Generator) -> float | None:
        """The angle in radians, or None where the image stays upright."""
        rotate, angle = rng.random() < self.prob, np.deg2rad(rng.uniform(-self.degree, self.degree))
        return angle if rotate else None


@DATA.register
class RandomRotateCrop:
    """RandomRotate, then RandomCrop, in one step that computes only the pixels that are kept.

    Padding has room for corners that RandomRotate alone turns out of the image: they stay.
    """

    def __init__(self, prob: float, degree: float, crop_size: Sequence[int], pad: bool = False) -> None:
        self.rotate = RandomRotate(prob, degree)
        self.crop = RandomCrop(crop_size, pad)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        angle = self.rotate.draw(rng)
        top, left = self.crop.draw(sample, rng)
        if angle is None:
            return crop(sample, top, left, self.crop.crop_size)
        return rotated(sample, angle, top, left, self.crop.crop_size)


def rotated(sample: Sample, angle: float, top: int, left: int, size: tuple[int, int]) -> Sample:
    """The window of `size` that begins at row `top`, column `left` of the image turned clockwise by `angle` radians."""
    height, width = sample.depth.shape
    x, y = (width - 1) / 2, (height - 1) / 2
    # clockwise as seen: y points down
    roll = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    # from pixels of the window to the old image's, which grid_sample counts from its centre, 1 to each edge
    back = torch.from_numpy(np.diag([2 / width, 2 / height, 1]) @ roll.T @ shift(left - x, top - y))
    right, down, origin = back[:2].float().T
    rows, columns = torch.arange(size[0])[:, None, None], torch.arange(size[1])[:, None]
    grid = (rows * down + (columns * right + origin))[None]
    image = torch.from_numpy(sample.image.astype(np.float32)).permute(2, 0, 1)[None]
    image = F.grid_sample(image, grid, mode="bilinear", align_corners=False)[0].round().byte()
    depth = torch.from_numpy(sample.depth.copy())[None, None]
    depth = F.grid_sample(depth, grid, mode="nearest", align_corners=False)[0, 0]
    pixels = shift(x - left, y - top) @ roll @ shift(-x, -y)
    return moved(sample, image.permute(1, 2, 0).numpy(), depth.numpy(), pixels, camera=roll)
