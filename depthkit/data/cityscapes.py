"""Cityscapes: depth from the disparity of its stereo pairs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from depthkit.data.io import read_png
from depthkit.data.sample import pinhole
from depthkit.data.split import Entry, SplitDataset
from depthkit.registry import DATA


@DATA.register
@dataclass(kw_only=True, eq=False)
class CityscapesDataset(SplitDataset):
    """Street scenes, 1024 x 2048. Lines of the split are `image disparity camera`: a 16-bit PNG p, where disparity is
    (p - 1) / 256 pixels and 0 is not measured, as the dataset's README says, and a JSON file with the camera, below
    `camera_dir`."""

    camera_dir: str = "camera"

    layout: ClassVar[str] = (
        "a folder with Cityscapes' leftImg8bit/, disparity/ and camera/, and split files with lines such as"
        " leftImg8bit/train/aachen/X_leftImg8bit.png disparity/train/aachen/X_disparity.png train/aachen/X_camera.json"
    )

    extra: ClassVar[re.Pattern] = re.compile(r".+\.json")

    def read_depth(self, entry: Entry) -> np.ndarray:
        fx, baseline = self.read_camera(entry, "fx", "baseline")  # pixels, metres
        disparity = (read_png(entry.depth).astype(np.float32) - 1) / 256
        measured = disparity > 0
        return np.where(measured, baseline * fx / np.where(measured, disparity, 1), 0).astype(np.float32)

    def camera(self, entry: Entry) -> np.ndarray:
        fx, fy, u0, v0 = self.read_camera(entry, "fx", "fy", "u0", "v0")
        return pinhole(fx, fy, u0, v0)

    def read_camera(self, entry: Entry, *keys: str) -> list[float]:
        if not entry.extra:
            raise ValueError(f"the line of {entry.image} in {self.split} names no camera as its third file")
        path = Path(self.data_root, self.camera_dir, entry.extra)
        try:
            camera = json.loads(path.read_text())
            numbers = camera["intrinsic"] | camera["extrinsic"]
            return [float(numbers[key]) for key in keys]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no camera file of Cityscapes: {error!r}") from error
