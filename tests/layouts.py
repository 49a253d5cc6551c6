"""Small files in the layouts of public datasets."""

from pathlib import Path

import numpy as np
from PIL import Image


def image(path: Path, size: tuple[int, int]) -> Path:
    """A random RGB image of (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)).save(path)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
