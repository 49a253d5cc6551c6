"""Samples that show where their pixels went."""

import numpy as np

from depthkit.data.sample import Sample

INTRINSICS = np.array([[518.8579, 0, 325.5824], [0, 519.4696, 253.7362], [0, 0, 1]], np.float32)
COLOURS = {"gamma_range": (0.9, 1.1), "brightness_range": (0.75, 1.25), "color_range": (0.9, 1.1)}
ROW, COLUMN = 200, 400  # of the sentinel


def rng(seed=0):
    return np.random.default_rng(seed)


def make_sample(height=480, width=640, intrinsics=INTRINSICS):
    """Grey at 1 m, with a 3 x 3 sentinel of red at 5 m around (ROW, COLUMN)."""
    image, depth = np.full((height, width, 3), 128, np.uint8), np.ones((height, width), np.float32)
    image[ROW - 1 : ROW + 2, COLUMN - 1 : COLUMN + 2] = (255, 0, 0)
    depth[ROW - 1 : ROW + 2, COLUMN - 1 : COLUMN + 2] = 5
    return Sample(image, depth, "kitchen/rgb_1.jpg", intrinsics)


def counted(height, width):
    """Every pixel differs; depth counts them, the image holds row, column and row + column."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
    return Sample(image, np.arange(1, height * width + 1, dtype=np.float32).reshape(height, width), "counted.png")


def sentinel(sample):
    """Its middle as (row, column), in the image and in depth."""
    red = (sample.image[..., 0] > 200) & (sample.image[..., 1] < 60)
    return np.argwhere(red).mean(axis=0), np.argwhere(sample.depth == 5).mean(axis=0)


def projected(sample, camera=np.eye(3)):  # noqa: B008  a constant
    """(row, column) where the sentinel's point in space, moved to the new camera's frame, appears by the intrinsics."""
    x, y, w = sample.intrinsics @ camera @ np.linalg.inv(INTRINSICS) @ (COLUMN, ROW, 1)
    return y / w, x / w


class Largest:
    """Draws the coin that always falls on yes, and the upper end of each range."""

    def random(self):
        return 0.0

    def uniform(self, low, high, size=None):
        return np.full(size, high) if size else high
