"""The test images of KITTI's depth prediction benchmark."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_image
from depthkit.data.sample import Sample
from depthkit.registry import DATA


@DATA.register
@dataclass(kw_only=True, eq=False)
class KITTIBenchmarkTest(DepthDataset):
    """The 500 test images of the benchmark, 352 x 1216: their depth is secret, their cameras stand in text files of
    nine numbers with the images' names."""

    data_root: str
    image_dir: str = "image"
    camera_dir: str = "intrinsics"
    depth_scale: float = 256

    has_depth: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.images)

    def load(self, index: int) -> Sample:
        path = self.images[index]
        image = read_image(path)
        numbers = Path(self.data_root, self.camera_dir, f"{path.stem}.txt")
        try:
            camera = np.loadtxt(numbers, np.float32).reshape(3, 3)
        except ValueError as error:
            raise ValueError(f"{numbers} does not hold the nine numbers of a camera: {error}") from error
        return Sample(image, np.zeros(image.shape[:2], np.float32), str(path), camera)

    def name(self, path: str) -> str:
        return Path(path).stem

    @cached_property
    def images(self) -> list[Path]:
        folder = Path(self.data_root, self.image_dir)
        found = sorted(folder.glob("*.png"))
        if not found:
            raise FileNotFoundError(
                f"there is no image in {folder.resolve()}. data_root should be test_depth_prediction_anonymous of"
                " KITTI's depth_selection, with image/ and intrinsics/ in it"
            )
        return found
