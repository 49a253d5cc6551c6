"""NYU Depth V2 in the folder and split-file layout of BTS, which the toolbox and most others use."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_depth_png, read_image
from depthkit.data.sample import Sample
from depthkit.registry import DATA

# The Kinect's colour camera, from the dataset's toolbox: focal lengths and principal point in pixels of 640 x 480.
INTRINSICS = np.array([[518.8579, 0, 325.5824], [0, 519.4696, 253.7362], [0, 0, 1]], np.float32)


@DATA.register
class NYUDataset(DepthDataset):
    """Pairs named by a split file: `image depth focal` a line, relative to `data_root`; 16-bit depth / `depth_scale`.

    Leading slashes and blank lines do not count, and lines with None for a file are left out.
    """

    def __init__(self, data_root: str, split: str, depth_scale: float = 1000.0, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.data_root = Path(data_root)
        self.split = self.data_root / split
        self.depth_scale = depth_scale

    @cached_property
    def pairs(self) -> list[tuple[Path, Path]]:
        """(image, depth) of each sample, in the order of the split file. Errors say what is missing, and where."""
        if not self.split.is_file():
            raise FileNotFoundError(f"there is no split file {self.split.absolute()}{self.remedy}")
        pairs = []
        for number, line in enumerate(self.split.read_text().splitlines(), start=1):
            names = line.split()
            if not names or "None" in names[:2]:
                continue
            if len(names) < 2:
                raise ValueError(f"{self.split}, line {number}: {line!r} does not name an image and a depth file")
            pairs.append((self.data_root / names[0].lstrip("/"), self.data_root / names[1].lstrip("/")))
        if not pairs:
            raise ValueError(f"{self.split} names no pair of image and depth")
        for file in pairs[0]:
            if not file.is_file():
                raise FileNotFoundError(f"{self.split} names {file.absolute()}, which is not there{self.remedy}")
        return pairs

    @property
    def remedy(self) -> str:
        return (
            ".\nNYU Depth V2 is expected in the layout of BTS: the synchronised Kinect frames, with nyu_train.txt and"
            " nyu_test.txt beside them; data.train.data_root (and val, test) say where.\nFor a rendered stand-in with"
            f" the same layout: python -m depthkit.synthesize {self.data_root}"
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def load(self, index: int) -> Sample:
        image, depth = self.pairs[index]
        return Sample(read_image(image), read_depth_png(depth, self.depth_scale), str(image), INTRINSICS.copy())
