"""NYU Depth V2 on disk, in the layout and with the split files of BTS and the toolbox."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from depthkit.data.sample import Sample, pinhole
from depthkit.data.split import Entry, SplitDataset
from depthkit.registry import DATA

# of the 480 x 640 colour images, from camera_params.m in the dataset's own toolbox
INTRINSICS = pinhole(518.8579, 519.4696, 325.5824, 253.7362)


@DATA.register
@dataclass(kw_only=True, eq=False)
class NYUDataset(SplitDataset):
    """Indoor images, 480 x 640, with the depth of a Kinect: 16-bit PNGs of metres times 1000. Lines of the split are
    `image depth [focal]`.

    With `num_classes`, samples say what kind of room they show: the place of the first part of their folder's name, as
    kitchen in kitchen_0028b/rgb_00045.jpg, among those that the split has, sorted. More kinds than that are an error.
    """

    num_classes: int | None = None

    layout: ClassVar[str] = (
        "NYU Depth V2 in the sync layout that BTS and the toolbox use, with nyu_train.txt and nyu_test.txt in it;"
        " rendered rooms in that layout come from `python -m depthkit.synthesize {data_root}`"
    )

    def load(self, index: int) -> Sample:
        sample = super().load(index)
        if self.num_classes is None:
            return sample
        return replace(sample, class_label=self.kinds.index(kind(self.entries[index].image)))

    def camera(self, entry: Entry) -> np.ndarray:
        intrinsics = INTRINSICS.copy()
        if entry.extra:
            intrinsics[:2, :2] *= float(entry.extra) / INTRINSICS[0, 0]
        return intrinsics

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of rooms in the split; their places here are the class labels."""
        kinds = sorted({kind(entry.image) for entry in self.entries})
        if len(kinds) > self.num_classes:
            raise ValueError(
                f"{self.split} shows {len(kinds)} kinds of rooms, {', '.join(kinds[:3])} ..., more than the"
                f" {self.num_classes} classes of the config: set num_classes of the dataset and of the model's head"
            )
        return kinds


def kind(image: Path) -> str:
    return image.parent.name.split("_")[0]
