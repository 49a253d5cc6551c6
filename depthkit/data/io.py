"""Image and depth files to arrays, and back. Every error names the file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

# pillow's words for damage; a changed byte can also ask for an absurd size
DAMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def _open(path: str | Path) -> Image.Image:
    """The decoded image; a file that is missing, damaged or no image is an error that names it."""
    try:
        with Image.open(path) as image:
            image.load()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except DAMAGE as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return image


def _is_8_bit(image: Image.Image) -> bool:
    return not image.mode.startswith(("I", "F"))  # pillow's modes of 16 and 32 bits


def read_image(path: str | Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB."""
    image = _open(path)
    if not _is_8_bit(image):
        raise ValueError(f"{path} has more than 8 bits (mode {image.mode}), as depth has; an image is needed here")
    return np.asarray(image.convert("RGB"))


def read_depth_png(path: str | Path, scale: float) -> np.ndarray:
    """float32 (H, W), metres: the file's 16-bit numbers divided by `scale`, so 0 stays 0, not measured."""
    image = _open(path)
    if _is_8_bit(image):
        raise ValueError(f"{path} has 8 bits a channel (mode {image.mode}); depth needs a 16-bit grey image")
    return np.asarray(image).astype(np.float32) / np.float32(scale)


def read_depth_npz(path: str | Path) -> np.ndarray:
    """float32 (H, W), metres: what `write_depth_npz` wrote."""
    with np.load(path) as arrays:
        return arrays["depth"]


def write_depth_png(path: str | Path, depth: np.ndarray, scale: float) -> None:
    """Writes `depth` (H, W), metres, as a 16-bit PNG of depth * `scale`; what does not fit is an error."""
    numbers = np.rint(depth * scale)
    if not (numbers.min() >= 0 and numbers.max() <= 65535):
        raise ValueError(
            f"{path}: depths of {depth.min():g} to {depth.max():g} m times {scale:g} do not fit into 16 bits"
        )
    write_image(path, numbers.astype(np.uint16))


def write_depth_npz(path: str | Path, depth: np.ndarray) -> None:
    """Writes `depth` (H, W), metres, as the float32 array "depth" of an .npz file."""
    with whole(path) as partial:
        np.savez_compressed(partial, depth=depth.astype(np.float32))


def write_image(path: str | Path, pixels: np.ndarray) -> None:
    """Writes uint8 (H, W, 3) or uint16 (H, W) in the format that the path's suffix names."""
    with whole(path) as partial:
        Image.fromarray(pixels).save(partial)


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Gives the path of a file to write, in a folder that is made if need be; it becomes `path` once it is whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")  # formats follow from the suffix
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
