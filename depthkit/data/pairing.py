"""Files found by a pattern, and known by what its stars stand for."""

import os
import re
from pathlib import Path
from unicodedata import normalize

from PIL import Image

from depthkit.data.io import READERS


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
