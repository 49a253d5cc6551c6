"""What a sample is, and how it becomes part of a batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class Sample:
    """One image and its depth.

    `image` is uint8 (H, W, 3) RGB. `depth` is float32 (Hd, Wd), metres, 0 = not measured, maybe of another size than
    the image. `intrinsics` is float32 (3, 3) in pixels of the image. `path` names the image in logs and errors.
    `class_label` is the number of what kind of scene it is.
    """

    image: np.ndarray
    depth: np.ndarray
    path: str
    intrinsics: np.ndarray | None = None
    class_label: int | None = None


def pinhole(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """Intrinsics float32 (3, 3) from focal lengths and principal point in pixels, of which the first has its centre at
    (0, 0)."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)


def to_tensors(sample: Sample, position: int) -> dict[str, Any]:
    """The keys of a batch for one sample: image uint8 (3,H,W), depth float32 (1,Hd,Wd), path, position, and if the
    dataset has them intrinsics float32 (3,3) and class_label. `position` counts the samples that the run has dealt
    before this one."""
    tensors = {
        "image": torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1))),
        "depth": torch.from_numpy(np.ascontiguousarray(sample.depth[None])),
        "path": sample.path,
        "position": position,
    }
    if sample.intrinsics is not None:
        tensors["intrinsics"] = torch.from_numpy(sample.intrinsics)
    if sample.class_label is not None:
        tensors["class_label"] = sample.class_label
    return tensors
