"""Depth made visible: one colour map on a fixed metric scale, error maps, and panels that set them side by side."""

import numpy as np

# From far to near, or from no error to a large one: lightness (CIE L*) rises in equal steps from 8 to 91 while the hue
# goes from cold to warm, so that the order shows in grey and to the colour-blind too.
CONTROL_POINTS = np.array(
    [(14, 18, 66), (76, 27, 114), (150, 37, 113), (209, 68, 80), (240, 121, 50), (249, 178, 70), (250, 232, 120)]
)
PLACES = np.linspace(0, len(CONTROL_POINTS) - 1, 256)
COLORS = np.stack([np.interp(PLACES, range(len(CONTROL_POINTS)), channel) for channel in CONTROL_POINTS.T], axis=1)
COLORS = COLORS.round().astype(np.uint8)
BLANK = (236, 205)  # the two greys of the checker that stands where nothing was measured
ERROR_LIMIT = 0.25  # relative error drawn in the brightest colour; a1 counts the pixels within about this


def colorize(depth: np.ndarray, min_depth: float, max_depth: float) -> np.ndarray:
    """Depth (H, W), metres, as uint8 (H, W, 3): near is bright and warm, far dark and cold, on a scale that is linear
    from `min_depth` to `max_depth`. Pixels that are 0, negative or not finite are a grey checker."""
    measured = np.isfinite(depth) & (depth > 0)
    nearness = (max_depth - depth) / (max_depth - min_depth)
    return _paint(nearness, measured)


def colorize_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """|prediction - target| / target of two depths (H, W), metres, as uint8 (H, W, 3): dark is right, the brightest
    colour an error of 25 % or more. Pixels where either is 0, negative or not finite are a grey checker."""
    measured = np.isfinite(target) & (target > 0) & np.isfinite(prediction) & (prediction > 0)
    error = np.abs(prediction - target) / np.where(measured, target, 1)
    return _paint(error / ERROR_LIMIT, measured)


def strip(
    image: np.ndarray, target: np.ndarray, prediction: np.ndarray, min_depth: float, max_depth: float
) -> np.ndarray:
    """image | target | prediction | relative error as one picture, uint8 (H, 4W, 3).

    The image is uint8 (H, W, 3); the depths, metres, may be of other sizes: each pixel shows the nearest of theirs.
    """
    height, width = image.shape[:2]
    target, prediction = (_nearest(depth, height, width) for depth in (target, prediction))
    depths = [colorize(depth, min_depth, max_depth) for depth in (target, prediction)]
    return np.concatenate([image, *depths, colorize_error(prediction, target)], axis=1)


def _nearest(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """`depth` at another size, made of its own values alone."""
    rows = (np.arange(height) + 0.5) * depth.shape[0] / height
    columns = (np.arange(width) + 0.5) * depth.shape[1] / width
    return depth[rows.astype(int)[:, None], columns.astype(int)]


def _paint(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Values from 0 to 1, clamped to that, in the colours of the map; a checker of 4 pixels where not measured."""
    places = np.clip(np.where(measured, values, 0), 0, 1) * (len(COLORS) - 1)
    rows, columns = np.indices(values.shape) // 4
    checker = np.where((rows + columns) % 2, *BLANK).astype(np.uint8)
    return np.where(measured[..., None], COLORS[places.round().astype(int)], checker[..., None])
