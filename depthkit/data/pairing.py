"""Files found by a pattern, and known by what its stars stand for."""

import re
from pathlib import Path


def find(root: Path, pattern: str | None) -> dict[tuple[str, ...], Path]:
    """The files below `root` that fit, sorted, by what the stars of the pattern stand for; ".*" fits any suffix. None
    fits no file."""
    if pattern is None:
        return {}
    suffix = pattern.endswith(".*")
    parts = re.split(r"(\*\*/|\*)", pattern.removesuffix(".*"))
    groups = {"**/": "((?:[^/]+/)*)", "*": "([^/]*)"}
    fits = re.compile("".join(groups.get(part, re.escape(part)) for part in parts) + (r"\.[^./]+" if suffix else ""))
    found: dict[tuple[str, ...], Path] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if match := fits.fullmatch(path.relative_to(root).as_posix()):
            if match.groups() in found:
                raise ValueError(
                    f"{found[match.groups()]} and {path} stand for the same: make {pattern} tell them apart"
                )
            found[match.groups()] = path
    return found


def alone(what: str, files: dict[tuple[str, ...], Path], partners: dict[tuple[str, ...], Path]) -> list[str]:
    """A line that names those of `files` that have none of the `partners`; none where all have."""
    names = [str(path) for key, path in files.items() if key not in partners]
    return [f"{len(names)} of {len(files)} are {what}: {', '.join(names)}"] if names else []
