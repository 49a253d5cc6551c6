"""NYU Depth V2 on disk, in the layout and with the split files of BTS and the toolbox."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_depth_png, read_image
from depthkit.data.sample import Sample
from depthkit.registry import DATA

# of the 480 x 640 colour images, from camera_params.m in the dataset's own toolbox
INTRINSICS = np.array([[518.8579, 0, 325.5824], [0, 519.4696, 253.7362], [0, 0, 1]], np.float32)
# image, depth and perhaps a focal length; slashes that a path starts with are no part of it
LINE = re.compile(r"\s*/*(\S+)\s+/*(\S+)(?:\s+(\d+\.?\d*))?\s*")


class Entry(NamedTuple):
    """One line of a split file: two files, and the focal length fx in pixels if the line names one."""

    image: Path
    depth: Path
    focal: float | None


@DATA.register
@dataclass(kw_only=True, eq=False)
class NYUDataset(DepthDataset):
    """Indoor images, 480 x 640, with the depth of a Kinect: 16-bit PNGs of metres times `depth_scale`.

    `split` is a text file below `data_root` with a line `image depth [focal]` for each sample, paths below `data_root`
    too, with or without a leading slash. Samples keep its order; those with a file called None are left out.
    """

    data_root: str
    split: str

    def __len__(self) -> int:
        return len(self.entries)

    def load(self, index: int) -> Sample:
        image, depth, focal = self.entries[index]
        intrinsics = INTRINSICS.copy()
        if focal:
            intrinsics[:2, :2] *= focal / INTRINSICS[0, 0]
        return Sample(read_image(image), read_depth_png(depth, self.depth_scale), str(image), intrinsics)

    def name(self, path: str) -> str:
        return str(Path(path).relative_to(self.data_root).with_suffix(""))

    @cached_property
    def entries(self) -> list[Entry]:
        """The pairs of the split. A folder or split that is missing, empty or malformed, or a first pair that is not
        there, is an error that says what to do."""
        root, split = Path(self.data_root), Path(self.data_root, self.split)
        for what, path in (("the dataset", root), ("the split file", split)):
            if not path.exists():
                raise FileNotFoundError(self._missing(what, path))
        lines = enumerate(split.read_text().splitlines(), start=1)
        entries = [entry for number, line in lines if (entry := parse_line(line, root, f"{split}, line {number}"))]
        if not entries:
            raise ValueError(f"{split} lists no image with depth; it needs lines of `image depth [focal]`")
        for path in entries[0][:2]:
            if not path.exists():
                raise FileNotFoundError(self._missing(f"the first pair of {self.split}", path))
        return entries

    def _missing(self, what: str, path: Path) -> str:
        return (
            f"{what} is missing: there is no {path.resolve()}. data_root should be NYU Depth V2 in the sync layout that"
            f" BTS and the toolbox use, with nyu_train.txt and nyu_test.txt in it; rendered rooms in that layout come"
            f" from `python -m depthkit.synthesize {self.data_root}`"
        )


def parse_line(line: str, root: Path, place: str) -> Entry | None:
    """The files that a line of a split names, or None where it names no pair; `place` is for the error."""
    if not line.strip():
        return None
    found = LINE.fullmatch(line)
    if not found:
        raise ValueError(f"{place}: {line!r} is not of the form `image depth [focal]`")
    image, depth, focal = found.groups()
    if "None" in (image, depth):
        return None
    return Entry(root / image, root / depth, float(focal) if focal else None)
