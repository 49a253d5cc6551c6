"""Pairs of files, from a list or by patterns: files belong together where their patterns' stars stand for the same."""

import os
import re
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from PIL import Image

from depthkit.data.io import READERS
from depthkit.data.split import read_split


class Pair(NamedTuple):
    """The files of one sample; `focal` is in pixels, 0 where it is not known."""

    image: Path
    depth: Path
    mask: Path | None = None
    focal: float = 0.0


def read_pairs(root: Path, split: Path) -> list[Pair]:
    """The pairs below `root` that a text file lists; focal lengths in some of its lines alone are an error."""
    entries = read_split(split, root, root)
    if len({entry.extra is None for entry in entries}) == 2:
        raise ValueError(f"{split} has lines with a focal length and lines without: give all of them one, or none")
    return [Pair(image, depth, focal=float(focal or 0)) for image, depth, focal in entries]


def find_pairs(root: Path, images: str, depths: str, masks: str | None) -> tuple[list[Pair], list[str]]:
    """The pairs below `root`, sorted, and lines about the files without a partner; no pair at all is an error."""
    image, depth, mask = find(root, images), find(root, depths), find(root, masks)
    pairs = [Pair(path, depth[key], mask.get(key)) for key, path in image.items() if key in depth]
    if not pairs:
        raise ValueError(
            f"no pair of names in {root.resolve()}: {images} finds {len(image)} files and {depths} {len(depth)}, of"
            " which no two stand for the same: look at the dataset's patterns"
        )
    others = alone("images without a depth", image, depth) + alone("depths without an image", depth, image)
    return pairs, others + (alone("depths without a mask, used as they are", depth, mask) if masks else [])


def find(root: Path, pattern: str | None) -> dict[tuple[str, ...], Path]:
    """The files below `root` that fit, sorted, by what the stars of the pattern stand for; ".*" fits the suffix of any
    image or depth file. Hidden files fit nothing, links to folders are followed. None fits no file."""
    if pattern is None:
        return {}
    folder, any_suffix = re.match(r"(?:[^*/]+/)*", pattern)[0], pattern.endswith(".*")
    parts = re.split(r"(\*\*/|\*)", normalize("NFC", pattern.removesuffix(".*")))
    groups = {"**/": "((?:[^/]+/)*)", "*": "([^/]*)"}
    fits = re.compile(
        "".join(groups.get(part, re.escape(part)) for part in parts) + (r"\.[^./]+" if any_suffix else "")
    )
    suffixes = READERS.keys() | Image.registered_extensions().keys()
    found: dict[tuple[str, ...], Path] = {}
    for path in files_below(root / folder):
        # the same letters may be stored in two ways, and macOS changes the way
        match = fits.fullmatch(normalize("NFC", path.relative_to(root).as_posix()))
        if not match or (any_suffix and path.suffix.lower() not in suffixes):
            continue
        if match.groups() in found:
            raise ValueError(f"{found[match.groups()]} and {path} stand for the same: make {pattern} tell them apart")
        found[match.groups()] = path
    return found


def files_below(folder: Path) -> list[Path]:
    """All files but the hidden ones, as .DS_Store, sorted."""
    files = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(files)


def alone(what: str, files: dict[tuple[str, ...], Path], partners: dict[tuple[str, ...], Path]) -> list[str]:
    """A line that names those of `files` that have none of the `partners`; none where all have."""
    names = [str(path) for key, path in files.items() if key not in partners]
    return [f"{len(names)} of {len(files)} are {what}: {', '.join(names)}"] if names else []
