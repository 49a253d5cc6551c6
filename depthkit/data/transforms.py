"""Changes to a sample: crops, flips, rotation, colour. The intrinsics move along with the pixels.

A transform is called with (sample, rng) and returns a new sample. It draws the same count of numbers from `rng` every
time, used or not, so its coin does not shift the draws of the transforms after it. Those that move pixels need image
and depth of one size; where they differ, a ValueError names the file.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from depthkit.data.sample import Sample
from depthkit.registry import DATA

NYU_SIZE = (480, 640)  # height and width of the images of NYU Depth V2


@DATA.register
class NYUCrop:
    """Cuts away the white frame of NYU's images: rows 45 to 471 and columns 43 to 607 stay, 427 x 565 pixels."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = _common_size(sample)
        if size != NYU_SIZE:
            raise ValueError(
                f"NYUCrop is for images of 480 x 640 pixels (rows x columns), {sample.path} has {_x(size)}"
            )
        return _crop(sample, top=45, left=43, size=(427, 565))


@DATA.register
class KBCrop:
    """Brings KITTI's images, whose sizes differ from day to day, to one: the last `height` rows and the middle `width`
    columns stay. Where columns do not split evenly, the right side loses one more. A smaller image is an error."""

    def __init__(self, height: int = 352, width: int = 1216) -> None:
        self.size = (height, width)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = _common_size(sample)
        top, spare = size[0] - self.size[0], size[1] - self.size[1]
        if min(top, spare) < 0:
            raise ValueError(f"KBCrop: {_x(self.size)} is larger than {sample.path}, {_x(size)} (rows x columns)")
        return _crop(sample, top, spare // 2, self.size)


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
        height, width = _common_size(sample)
        if not rotate:
            return sample
        # clockwise as seen: y points down
        roll = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        # pillow wants output -> input, and puts the centre of the first pixel at (0.5, 0.5)
        back = (_shift(width / 2, height / 2) @ roll.T @ _shift(-width / 2, -height / 2))[:2].ravel().tolist()
        size, affine = (width, height), Image.Transform.AFFINE
        image = Image.fromarray(sample.image).transform(size, affine, back, Image.Resampling.BILINEAR)
        depth = Image.fromarray(sample.depth).transform(size, affine, back, Image.Resampling.NEAREST)
        x, y = (width - 1) / 2, (height - 1) / 2
        return _moved(sample, np.asarray(image), np.asarray(depth), _shift(x, y) @ roll @ _shift(-x, -y), camera=roll)


@DATA.register
class RandomFlip:
    """Mirrors the scene, left to right."""

    def __init__(self, prob: float) -> None:
        self.prob = prob

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        flip = rng.random() < self.prob
        _, width = _common_size(sample)
        if not flip:
            return sample
        mirror = np.diag([-1.0, 1.0, 1.0])
        return _moved(sample, sample.image[:, ::-1], sample.depth[:, ::-1], _shift(width - 1, 0) @ mirror, mirror)


@DATA.register
class RandomCrop:
    """Cuts out a window of `crop_size` = (height, width), anywhere in the image; a smaller image is an error."""

    def __init__(self, crop_size: Sequence[int]) -> None:
        self.crop_size = tuple(crop_size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        down, right = rng.random(2)
        size = _common_size(sample)
        spare = (size[0] - self.crop_size[0], size[1] - self.crop_size[1])
        if min(spare) < 0:
            raise ValueError(
                f"RandomCrop: crop_size {_x(self.crop_size)} is larger than {sample.path}, {_x(size)} (rows x columns)"
            )
        return _crop(sample, int(down * (spare[0] + 1)), int(right * (spare[1] + 1)), self.crop_size)


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
        return _moved(sample, np.asarray(image), sample.depth, _shift(-0.5, -0.5) @ scale @ _shift(0.5, 0.5))


def _common_size(sample: Sample) -> tuple[int, int]:
    """Height and width of both image and depth."""
    if sample.image.shape[:2] != sample.depth.shape:
        raise ValueError(
            f"{sample.path}: the image has {_x(sample.image.shape[:2])} pixels, its depth {_x(sample.depth.shape)}; a"
            f" transform that moves pixels needs them equal"
        )
    return sample.depth.shape


def _x(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _crop(sample: Sample, top: int, left: int, size: tuple[int, int]) -> Sample:
    window = slice(top, top + size[0]), slice(left, left + size[1])
    return _moved(sample, sample.image[window], sample.depth[window], _shift(-left, -top))


def _moved(
    sample: Sample, image: np.ndarray, depth: np.ndarray, pixels: np.ndarray, camera: np.ndarray | None = None
) -> Sample:
    """The sample with new pixels and the intrinsics that belong to them.

    `pixels` (3, 3) takes homogeneous pixel coordinates from old to new. `camera` (3, 3), orthogonal, takes points of
    the scene from the old camera's frame to the new one's; None leaves them.
    """
    intrinsics = sample.intrinsics
    if intrinsics is not None:
        # new pixel = pixels K point = (pixels K camera^-1) (camera point)
        intrinsics = pixels @ intrinsics @ (np.eye(3) if camera is None else camera.T)
        intrinsics = intrinsics.astype(np.float32)
    return replace(sample, image=image, depth=depth, intrinsics=intrinsics)
