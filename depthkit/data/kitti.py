"""KITTI: the splits of Eigen et al., and those of the depth prediction benchmark that have depth."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from depthkit.data.sample import pinhole
from depthkit.data.split import Entry, SplitDataset
from depthkit.registry import DATA

# focal length and principal point of camera 2, rectified, by day: P_rect_02 in the calib_cam_to_cam.txt of KITTI raw
CAMERAS = {
    "2011_09_26": (721.5377, 609.5593, 172.8540),
    "2011_09_28": (707.0493, 604.0814, 180.5066),
    "2011_09_29": (718.3351, 600.3891, 181.5122),
    "2011_09_30": (707.0912, 601.8873, 183.1104),
    "2011_10_03": (718.8560, 607.1928, 185.2157),
}


@DATA.register
@dataclass(kw_only=True, eq=False)
class KITTIDataset(SplitDataset):
    """Street scenes, about 375 x 1242, with the depth of a lidar: sparse 16-bit PNGs of metres times 256. Lines of the
    split are `image depth [focal]`; the day that is part of an image's path says which camera took it."""

    depth_scale: float = 256
    image_dir: str = "input"
    depth_dir: str = "gt_depth"

    layout: ClassVar[str] = (
        "a folder with KITTI's raw images in input/ (2011_09_26/..._sync/image_02/data/*.png), the annotated depth in"
        " gt_depth/ (..._sync/proj_depth/groundtruth/image_02/*.png) and the split files of BTS or the toolbox"
    )

    def camera(self, entry: Entry) -> np.ndarray:
        found = re.search(r"2011_\d\d_\d\d", str(entry.image.relative_to(self.data_root)))
        if not found or found[0] not in CAMERAS:
            raise ValueError(f"{entry.image}: its path names none of the days that KITTI was recorded on")
        focal, x, y = CAMERAS[found[0]]
        return pinhole(focal, focal, x, y)
