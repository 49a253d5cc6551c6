"""Which part of the image is kept, and which way round; and what moving pixels does to the intrinsics."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from depthkit.data.sample import Sample
from depthkit.registry import DATA

NYU_SIZE = (480, 640)  # height and width of the images of NYU Depth V2


@DATA.register
class NYUCrop:
    """Cuts away the white frame of NYU's images: rows 45 to 471 and columns 43 to 607 stay, 427 x 565 pixels."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = common_size(sample)
        if size != NYU_SIZE:
            raise ValueError(
                f"NYUCrop is for images of 480 x 640 pixels (rows x columns), {sample.path} has {times(size)}"
            )
        return crop(sample, top=45, left=43, size=(427, 565))


@DATA.register
class KBCrop:
    """Brings KITTI's images, whose sizes differ from day to day, to one: the last `height` rows and the middle `width`
    columns stay. Where columns do not split evenly, the right side loses one more. A smaller image is an error."""

    def __init__(self, height: int = 352, width: int = 1216) -> None:
        self.size = (height, width)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = common_size(sample)
        top, spare = size[0] - self.size[0], size[1] - self.size[1]
        if min(top, spare) < 0:
            raise ValueError(f"KBCrop: {times(self.size)} is larger than {sample.path}, {times(size)} (rows x columns)")
        return crop(sample, top, spare // 2, self.size)


@DATA.register
class RandomCrop:
    """Cuts out a window of `crop_size` = (height, width), anywhere in the image.

    A smaller image is an error; with `pad` it stands anywhere in a window that is otherwise black and not measured.
    """

    def __init__(self, crop_size: Sequence[int], pad: bool = False) -> None:
        self.crop_size = tuple(crop_size)
        self.pad = pad

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return crop(sample, *self.draw(sample, rng), self.crop_size)

    def draw(self, sample: Sample, rng: np.random.Generator) -> tuple[int, int]:
        """The row and column of the sample where the window begins."""
        shares = rng.random(2)
        size = common_size(sample)
        spare = [length - needed for length, needed in zip(size, self.crop_size, strict=True)]
        if min(spare) < 0 and not self.pad:
            raise ValueError(
                f"crop_size {times(self.crop_size)} is larger than {sample.path}, {times(size)} (rows x columns): crop"
                f" less, enlarge the images first, or set the crop's pad=True"
            )
        top, left = (int(share * (abs(places) + 1)) for share, places in zip(shares, spare, strict=True))
        return (top if spare[0] >= 0 else -top), (left if spare[1] >= 0 else -left)


@DATA.register
class RandomFlip:
    """Mirrors the scene, left to right."""

    def __init__(self, prob: float) -> None:
        self.prob = prob

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        flip = rng.random() < self.prob
        _, width = common_size(sample)
        if not flip:
            return sample
        mirror = np.diag([-1.0, 1.0, 1.0])
        return moved(sample, sample.image[:, ::-1], sample.depth[:, ::-1], shift(width - 1, 0) @ mirror, mirror)


def common_size(sample: Sample) -> tuple[int, int]:
    """Height and width of both image and depth."""
    size = sample.image.shape[:2]
    if size != sample.depth.shape:
        raise ValueError(
            f"{sample.path}: the image has {times(size)} pixels, its depth {times(sample.depth.shape)}; transforms that"
            f" move pixels need them equal: let Resize(size={sample.depth.shape}) stand before them"
        )
    return size


def times(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def crop(sample: Sample, top: int, left: int, size: tuple[int, int]) -> Sample:
    image, depth = (window(pixels, top, left, size) for pixels in (sample.image, sample.depth))
    return moved(sample, image, depth, shift(-left, -top))


def window(pixels: np.ndarray, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    """The part of `size` of an image or depth map that begins at row `top`, column `left`; 0 where it lies outside."""
    part = pixels[max(top, 0) : max(top + size[0], 0), max(left, 0) : max(left + size[1], 0)]
    if part.shape[:2] == size:
        return part
    whole = np.zeros((*size, *pixels.shape[2:]), pixels.dtype)
    whole[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]] = part
    return whole


def moved(
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
