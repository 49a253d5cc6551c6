"""Checkpoint files: written whole or not at all, verified before they are used."""

import fcntl
import logging
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

logger = logging.getLogger("depthkit")

# single numbers of numpy, which the toolbox's checkpoints hold as scores; the first name is numpy 1's
_scalar = np.float32(0).__reduce__()[0]
NUMPY_NUMBERS = [
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


def save(state: dict[str, Any], path: Path) -> None:
    """Writes `state`, made of tensors and plain types, so that `path` is at any moment the old file or the new one.

    On a full disk, OSError.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None  # torch closes its zip file over the system's error, and fails again
        raise
    os.replace(partial, path)
    _sync_folder(path.parent)


def point_latest(path: Path) -> None:
    """Makes latest.pth, in the same folder, a link to `path`."""
    partial = path.with_name("latest.pth.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(path.name)
    os.replace(partial, path.with_name("latest.pth"))
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the renames inside `folder` last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def claim(folder: Path) -> None:
    """Keeps other runs from writing to `folder` until this process ends, in whatever way; where one does already,
    ValueError. File systems without locks keep nobody out."""
    lock = os.open(folder / ".lock", os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise ValueError(f"another run writes to {folder}: wait for its end, or choose another --work-dir") from None
    except OSError as error:
        logger.debug("%s has no locks: %s", folder, error)


def remove_partial(folder: Path) -> None:
    """Deletes what interrupted saves left behind."""
    for file in folder.glob("*.pth.partial"):
        file.unlink()


def load(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU, by weights_only, after checking the checksums that its zip format carries.

    A file that is missing, damaged, or holds anything but tensors, numbers and plain types is an error that names it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        # torch.load itself does not look at the checksums; files from before torch 1.6 have none
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                if damaged := parts.testzip():
                    raise ValueError(f"its part {damaged} does not match its checksum")
        with torch.serialization.safe_globals(NUMPY_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damage surfaces as any of a dozen types
        raise ValueError(f"the checkpoint {path} is damaged or no checkpoint: {error}") from error


def epoch_files(work_dir: Path) -> list[Path]:
    """The checkpoints epoch_N.pth in `work_dir`, oldest first."""
    return _numbered(work_dir, "epoch")


def step_files(work_dir: Path) -> list[Path]:
    """The checkpoints step_N.pth in `work_dir`, oldest first; the next epoch's file replaces them."""
    return _numbered(work_dir, "step")


def best_files(work_dir: Path) -> list[Path]:
    """The checkpoints best_METRIC_epoch_N.pth in `work_dir`, oldest first."""
    return _numbered(work_dir, r"best_\w+_epoch")


def _numbered(work_dir: Path, name: str) -> list[Path]:
    found = {file: re.fullmatch(rf"{name}_(\d+)\.pth", file.name) for file in work_dir.glob("*.pth")}
    return sorted((file for file in found if found[file]), key=lambda file: int(found[file][1]))


def resumable_files(work_dir: Path) -> list[Path]:
    """All checkpoints in `work_dir` that a run can go on from, oldest first.

    What was written before the one that latest.pth names is older, whatever its number: a run may have gone back.
    """
    files = best_files(work_dir) + epoch_files(work_dir) + step_files(work_dir)
    latest = work_dir / "latest.pth"
    if not latest.exists():
        return files
    return sorted(files, key=lambda file: file.stat().st_mtime_ns >= latest.stat().st_mtime_ns)


def find_newest(work_dir: Path) -> Path | None:
    """The newest checkpoint in `work_dir` that a run can go on from; others are passed over with a warning."""
    for file in reversed(resumable_files(work_dir)):
        try:
            load_run(file)
        except ValueError as error:
            logger.warning("%s; trying an older one", error)
        else:
            return file
    return None


def load_run(path: str | Path) -> dict[str, Any]:
    """Like `load`; a file of weights alone, without the progress of a run, is an error too."""
    state = load(path)
    if not {"state_dict", "optimizer", "runner", "meta"} <= state.keys():
        raise ValueError(f"{path} holds no run to go on with; --load-from starts from the weights of such a file")
    return state
