"""Image and depth files to arrays, and back. Every error names the file."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError


def _open(path: str | Path) -> Image.Image:
    """The decoded image; a file that is missing, damaged or no image is an error that names it."""
    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (UnidentifiedImageError, OSError, SyntaxError) as error:  # pillow's words for damage
        raise ValueError(f"{path} cannot be read: {error}") from error
    return image


def read_image(path: str | Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB."""
    return np.asarray(_open(path).convert("RGB"))


def read_depth_png(path: str | Path, scale: float) -> np.ndarray:
    """float32 (H, W), metres: the file's 16-bit numbers divided by `scale`, so 0 stays 0, not measured."""
    image = _open(path)
    if not (image.mode.startswith("I") or image.mode == "F"):
        raise ValueError(
            f"{path} is of pillow's mode {image.mode!r}, 8 bits a channel; depth needs a 16-bit grey image"
        )
    return np.asarray(image).astype(np.float32) / np.float32(scale)


def write_depth_png(path: str | Path, depth: np.ndarray, scale: float) -> None:
    """Writes `depth` (H, W), metres, as a 16-bit PNG of depth * `scale`; what does not fit is an error."""
    numbers = np.rint(depth * scale)
    if numbers.min() < 0 or numbers.max() > 65535:
        raise ValueError(
            f"{path}: depths of {depth.min():g} to {depth.max():g} m times {scale:g} do not fit into 16 bits"
        )
    Image.fromarray(numbers.astype(np.uint16)).save(path)
