"""What a run tells its user: log file, text and JSON lines, facts about the machine, a progress bar."""

import json
import logging
import math
import os
import platform
import resource
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from depthkit import __version__

logger = logging.getLogger("depthkit")

PLACE = ("mode", "epoch", "iter")  # the keys of a record that say when it was taken; all others are values


def setup(log_file: Path, level: str, rank: int) -> None:
    """Sends rank 0's messages from `level` on to the terminal, and all to `log_file`; other ranks show their warnings
    alone."""
    name = "%(name)s" if rank == 0 else f"%(name)s rank {rank}"
    formatter = logging.Formatter(f"%(asctime)s - {name} - %(levelname)s - %(message)s")
    terminal = logging.StreamHandler(sys.stdout)
    terminal.setLevel(level if rank == 0 else logging.WARNING)
    handlers: list[logging.Handler] = [terminal]
    if rank == 0:
        handlers.append(logging.FileHandler(log_file, delay=True))  # no message, no file
    for handler in handlers:
        handler.setFormatter(formatter)
    logger.handlers = handlers
    logger.propagate = False
    logger.setLevel(logging.DEBUG)


def environment(device: torch.device, world_size: int) -> dict[str, str]:
    """Versions and hardware, as they should stand at the top of a log."""
    if device.type == "cuda":
        hardware = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    else:
        hardware = f"CPU {platform.machine()}, {os.cpu_count()} cores"
    return {
        "depthkit": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "numpy", "pillow")),
        "device": hardware,
        "processes": f"{world_size}, {torch.get_num_threads()} threads each",
    }


def peak_memory(device: torch.device) -> int:
    """Peak megabytes so far: allocated on the GPU, or resident in this process when it trains on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10  # bytes on macOS, kilobytes elsewhere


def text_line(record: dict[str, Any], steps_per_epoch: int) -> str:
    """One line on a training record: lr with 4 digits, times in seconds, losses with 4 decimals."""
    forms = {"lr": ".3e", "time": ".3f", "data_time": ".3f", "memory": "d"}
    values = {key: format(value, forms.get(key, ".4f")) for key, value in record.items() if key not in PLACE}
    values["eta"] = str(timedelta(seconds=int(record["eta"])))
    place = f"Epoch [{record['epoch']}][{record['iter']}/{steps_per_epoch}]"
    return f"{place}\t{', '.join(f'{key}: {value}' for key, value in values.items())}"


def json_line(record: dict[str, Any]) -> str:
    """The same as one JSON object in full precision, for programs that read the log."""
    return json.dumps(finite({key: value for key, value in record.items() if key != "eta"}), allow_nan=False)


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """The same with None, JSON's null, for numbers that JSON does not have: nan and infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }


def progress(items: Iterable, total: int, title: str) -> Iterator:
    """Passes `items` on; on a terminal, a bar shows how many of `total` have been taken."""
    show = sys.stderr.isatty()
    for count, item in enumerate(items, start=1):
        yield item
        if show:
            done = 30 * count // total
            end = "\n" if count == total else ""
            print(f"\r{title} [{'#' * done}{'.' * (30 - done)}] {count}/{total}", end=end, file=sys.stderr, flush=True)
