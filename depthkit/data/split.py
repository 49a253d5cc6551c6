"""Datasets whose pairs stand in a text file, one a line."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.io import read_depth, read_image
from depthkit.data.sample import Sample

WORD = re.compile(r'"([^"]*)"|(\S+)')
FOCAL_LENGTH = re.compile(r"\d+\.?\d*(e[+-]?\d+)?")


class Entry(NamedTuple):
    """One line of a split file: two files, and what stands behind them: a focal length in pixels, or a third file."""

    image: Path
    depth: Path
    extra: str | None = None


@dataclass(kw_only=True, eq=False)
class SplitDataset(DepthDataset):
    """The pairs of `split`, a text file below `data_root` with a line `image depth [extra]` for each sample.

    Images lie below `image_dir`, depths below `depth_dir`, both below `data_root`; slashes that a path starts with are
    no part of it, and a path with blanks stands in double quotes. Samples keep the order of the file; lines with a file
    called None are left out.
    """

    data_root: str
    split: str
    image_dir: str = ""
    depth_dir: str = ""

    layout: ClassVar[str] = ""  # what data_root should be, for those who miss it
    extra: ClassVar[re.Pattern] = FOCAL_LENGTH  # what may stand behind the two files of a line

    def __len__(self) -> int:
        return len(self.entries)

    def load(self, index: int) -> Sample:
        entry = self.entries[index]
        return Sample(read_image(entry.image), self.read_depth(entry), str(entry.image), self.camera(entry))

    def read_depth(self, entry: Entry) -> np.ndarray:
        """float32 (H, W), metres."""
        return read_depth(entry.depth, self.depth_scale)

    @abstractmethod
    def camera(self, entry: Entry) -> np.ndarray | None:
        """The intrinsics (3, 3) of the image, float32, or None if they are not known."""

    def name(self, path: str) -> str:
        return str(Path(path).relative_to(Path(self.data_root, self.image_dir)).with_suffix(""))

    @cached_property
    def entries(self) -> list[Entry]:
        """The pairs of the split. A folder or split that is missing, empty or malformed, or a first pair that is not
        there, is an error that says what to do."""
        root, split = Path(self.data_root), Path(self.data_root, self.split)
        for what, path in (("the dataset", root), ("the split file", split)):
            if not path.exists():
                raise FileNotFoundError(self.missing(what, path))
        entries = read_split(split, root / self.image_dir, root / self.depth_dir, self.extra)
        for path in entries[0][:2]:
            if not path.exists():
                raise FileNotFoundError(self.missing(f"the first pair of {self.split}", path))
        return entries

    def missing(self, what: str, path: Path) -> str:
        layout = self.layout.format(data_root=self.data_root)
        return f"{what} is missing: there is no {path.resolve()}. data_root should be {layout}"


def read_split(split: Path, images: Path, depths: Path, extra: re.Pattern = FOCAL_LENGTH) -> list[Entry]:
    """The pairs that a text file lists, in its order; a line that is malformed, or no pair at all, is an error."""
    try:
        lines = enumerate(split.read_text(encoding="utf-8-sig").splitlines(), start=1)  # editors of Windows add a mark
    except UnicodeDecodeError as error:
        raise ValueError(f"{split} is not UTF-8 text: {error}") from error
    found = [parse_line(line, images, depths, extra, f"{split}, line {number}") for number, line in lines]
    entries = [entry for entry in found if entry]
    if not entries:
        raise ValueError(f"{split} lists no image with depth; it needs lines of `image depth`")
    return entries


def parse_line(line: str, images: Path, depths: Path, extra: re.Pattern, place: str) -> Entry | None:
    """The files that a line of a split names, or None where it names no pair; `extra` is what a third word must look
    like, and `place` is for the error."""
    words = [quoted or plain for quoted, plain in WORD.findall(line)]
    if not words:
        return None
    if not 2 <= len(words) <= 3 or not all(map(extra.fullmatch, words[2:])):
        form = "[focal]" if extra is FOCAL_LENGTH else "file"
        raise ValueError(f"{place}: {line!r} is not of the form `image depth {form}`; quote a path with blanks")
    if "None" in words[:2]:
        return None
    image, depth = (word.lstrip("/") for word in words[:2])
    return Entry(images / image, depths / depth, *words[2:])
