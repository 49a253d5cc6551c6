"""Any folder of images and depths, paired by their names."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_depth, read_image, read_mask
from depthkit.data.pairing import alone, find
from depthkit.data.sample import Sample
from depthkit.data.split import FOCAL_LENGTH, parse_line
from depthkit.registry import DATA

logger = logging.getLogger("depthkit")


@DATA.register
@dataclass(kw_only=True, eq=False)
class FolderDataset(DepthDataset):
    """Pairs below `data_root`: those that a text file `split` lists as `image depth [extra]`, or those whose names fit.

    `images`, `depths` and perhaps `masks` are patterns of paths below `data_root`, such as "rgb/**/*.jpg" and
    "depth/**/*_depth.npy": a star stands for any part of a name, two for any folders. An image and a depth are a pair
    where the stars stand for the same; a file without a partner is left out, with a warning that names it.
    Depth files are 16-bit PNGs, float TIFF, PFM, .npy or .npz, in metres times `depth_scale`. Where a mask is 0, depth
    is not measured. `camera` is (fx, fy, cx, cy) of all images, in pixels.
    """

    data_root: str
    images: str = "rgb/**/*.*"
    depths: str = "depth/**/*.*"
    masks: str | None = None
    split: str | None = None
    camera: Sequence[float] | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def load(self, index: int) -> Sample:
        image, depth, mask = self.pairs[index]
        metres = read_depth(depth, self.depth_scale)
        if mask:
            metres = metres * read_mask(mask)
        intrinsics = None
        if self.camera:
            fx, fy, cx, cy = self.camera
            intrinsics = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)
        return Sample(read_image(image), metres, str(image), intrinsics)

    def name(self, path: str) -> str:
        return str(Path(path).relative_to(self.data_root).with_suffix(""))

    @cached_property
    def pairs(self) -> list[tuple[Path, Path, Path | None]]:
        """Image, depth and mask, sorted by the names of the images, or as the split lists them."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root.resolve()}: data_root should hold the images and depths")
        if self.split:
            lines = enumerate((root / self.split).read_text().splitlines(), start=1)
            place = f"{root / self.split}, line"
            entries = [parse_line(line, root, root, FOCAL_LENGTH, f"{place} {number}") for number, line in lines]
            return [(entry.image, entry.depth, None) for entry in entries if entry]
        images, depths, masks = (find(root, pattern) for pattern in (self.images, self.depths, self.masks))
        if not images.keys() & depths.keys():
            raise ValueError(
                f"no pair of names in {root.resolve()}: {self.images} finds {len(images)} files and {self.depths}"
                f" {len(depths)}, of which no two stand for the same: look at the dataset's patterns"
            )
        for line in self.unpaired():
            logger.warning("%s", line)
        return [(image, depths[key], masks.get(key)) for key, image in images.items() if key in depths]

    def unpaired(self) -> list[str]:
        if self.split:
            return []
        root = Path(self.data_root)
        images, depths, masks = (find(root, pattern) for pattern in (self.images, self.depths, self.masks))
        lines = alone("images without a depth", images, depths) + alone("depths without an image", depths, images)
        return lines + (alone("depths without a mask, used as they are", depths, masks) if masks else [])
