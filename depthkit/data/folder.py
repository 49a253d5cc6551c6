"""Any folder of images and depths, paired by their names."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import shorten

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_depth, read_image, read_mask
from depthkit.data.pairing import Pair, find_pairs, read_pairs
from depthkit.data.sample import Sample, pinhole
from depthkit.registry import DATA

logger = logging.getLogger("depthkit")


@DATA.register
@dataclass(kw_only=True, eq=False)
class FolderDataset(DepthDataset):
    """Pairs below `data_root`: those whose names fit, or those that a text file `split` lists as `image depth [focal]`.

    `images`, `depths` and perhaps `masks` are patterns of paths below `data_root`, such as "rgb/**/*.jpg" and
    "depth/**/*_depth.npy": a star stands for any part of a name, two for any folders. An image and a depth are a pair
    where the stars stand for the same; a file without a partner is left out, with a warning that names it.
    Depth files are 16-bit PNGs, float TIFF, PFM, .npy or .npz, in metres times `depth_scale`. Where a mask is 0, depth
    is not measured. `camera` is (fx, fy, cx, cy) of all images, in pixels; without it, focal lengths of the list
    count for cameras that look straight ahead, and without these there are no intrinsics.
    """

    data_root: str
    images: str = "rgb/**/*.*"
    depths: str = "depth/**/*.*"
    masks: str | None = None
    split: str | None = None
    camera: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.split and self.masks:
            raise ValueError(
                f"the pairs of split={self.split!r} have no masks: leave out masks={self.masks!r} or split"
            )

    def __len__(self) -> int:
        return len(self.found[0])

    def load(self, index: int) -> Sample:
        files = self.found[0][index]
        image, depth = read_image(files.image), read_depth(files.depth, self.depth_scale)
        if files.mask:
            depth = np.where(read_mask(files.mask, depth.shape), depth, np.float32(0))
        height, width = image.shape[:2]
        ahead = files.focal and (files.focal, files.focal, (width - 1) / 2, (height - 1) / 2)
        if not (camera := self.camera or ahead):
            return Sample(image, depth, str(files.image))
        return Sample(image, depth, str(files.image), pinhole(*camera))

    def name(self, path: str) -> str:
        return str(Path(path).relative_to(self.data_root).with_suffix(""))

    @cached_property
    def found(self) -> tuple[list[Pair], list[str]]:
        """The pairs, as the split lists them or sorted by their images' names, and what is said of other files."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root.resolve()}: data_root should hold the images and depths")
        if self.split:
            return read_pairs(root, root / self.split), []
        pairs, others = find_pairs(root, self.images, self.depths, self.masks)
        for line in others:
            logger.warning("%s", shorten(line, 1000, placeholder=" ...: depthkit.check_data lists all"))
        return pairs, others

    def unpaired(self) -> list[str]:
        return self.found[1]
