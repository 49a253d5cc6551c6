"""Samples a second and core of the training pipelines for NYU and KITTI, beside the toolbox's: needs opencv.

    python tests/benchmarks/data.py

Rendered rooms with noise stand in for the photos, of the sizes and in the formats of the real ones, in the page cache.
The toolbox's steps are re-typed: decoding, rotation and arithmetic by the same calls of opencv and numpy, colours in
float64. What counts is this thread's processor time, the best of several passes that take turns. The toolbox's colours
are several times as fast on CPUs with AVX-512: NPY_DISABLE_CPU_FEATURES="X86_V4" shows the others.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from depthkit.config import load_config
from depthkit.data.synthetic import render
from depthkit.registry import DATA

CONFIGS = Path(__file__).parents[2] / "configs"
COUNT, PASSES = 16, 8
# height and width, suffix, depth scale, the part that is kept, degrees, crop, brightness
NYU = ((480, 640), "jpg", 1000, np.s_[45:472, 43:608], 2.5, (416, 544), (0.75, 1.25))
KITTI = ((375, 1242), "png", 256, np.s_[23:375, 13:1229], 2.5, (352, 704), (0.9, 1.1))


def write_files(folder: Path, size: tuple[int, int], suffix: str, scale: int) -> None:
    """Pairs 0 to COUNT - 1 and the split that lists them; KITTI's depths are sparse."""
    days = folder / "2011_09_26"
    days.mkdir()
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        image, depth, _ = render(rng, *size)
        image = image + rng.normal(0, 6, (*size, 1)) + rng.normal(0, 1, image.shape)
        depth = depth + rng.normal(0, 0.002, size) * depth**2
        if suffix == "png":
            depth = 5 * depth * (rng.random(size) < 0.2) * (np.arange(size[0])[:, None] > 120)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(days / f"{number}.{suffix}", quality=90)
        Image.fromarray(np.rint(depth * scale).clip(0, 65535).astype(np.uint16)).save(days / f"{number}_depth.png")
    names = [f"2011_09_26/{number}" for number in range(COUNT)]
    (folder / "split.txt").write_text("".join(f"{name}.{suffix} {name}_depth.png\n" for name in names))


def toolbox(image_file, depth_file, scale, kept, degree, crop, brightness, rng):
    """One training sample by the toolbox's arithmetic, normalised float32 (3, h, w), and its depth."""
    image = cv2.imdecode(np.fromfile(image_file, np.uint8), cv2.IMREAD_COLOR)[kept]
    depth = (np.asarray(Image.open(depth_file), dtype=np.float32) / scale)[kept]
    height, width = depth.shape
    if rng.random() < 0.5:
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), rng.uniform(-degree, degree), 1)
        image = cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR)
        depth = cv2.warpAffine(depth, turn, (width, height), flags=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        image, depth = np.flip(image, axis=1), np.flip(depth, axis=1)
    top, left = rng.integers(0, height - crop[0] + 1), rng.integers(0, width - crop[1] + 1)
    window = np.s_[top : top + crop[0], left : left + crop[1]]
    image, depth = image[window], depth[window]
    if rng.random() < 0.5:
        image = image ** rng.uniform(0.9, 1.1)
        image = image * rng.uniform(*brightness)
        image = (image * rng.uniform(0.9, 1.1, 3)).clip(0, 255)
    image = image.copy().astype(np.float32)
    cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
    cv2.subtract(image, np.array([[123.675, 116.28, 103.53]]), image)
    cv2.multiply(image, 1 / np.array([[58.395, 57.12, 57.375]]), image)
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), torch.from_numpy(depth.copy()[None])


def seconds(run: Callable[[int], object]) -> float:
    start = time.thread_time()
    for number in range(COUNT):
        run(number)
    return (time.thread_time() - start) / COUNT


def compare(name: str, config: str, data: tuple, folder: Path) -> None:
    size, suffix, scale, *recipe = data
    write_files(folder, size, suffix, scale)
    files = [(folder / f"2011_09_26/{n}.{suffix}", folder / f"2011_09_26/{n}_depth.png") for n in range(COUNT)]
    train = load_config(CONFIGS / config).data.train
    places = {"data_root": str(folder), "split": "split.txt", "image_dir": "", "depth_dir": ""}
    dataset, cached = (DATA.build({**train, **places, "cache": cache}) for cache in (None, str(folder / "cache")))
    rng = np.random.default_rng(0)
    runs = {
        "toolbox": lambda number: toolbox(*files[number], scale, *recipe, rng),
        "depthkit": lambda number: dataset[int(rng.integers(2**31)), number],
        "depthkit, cached": lambda number: cached[int(rng.integers(2**31)), number],
    }
    passes = [{name: seconds(run) for name, run in runs.items()} for _ in range(PASSES)]
    times = {name: min(turn[name] for turn in passes) for name in runs}
    for run, spent in times.items():
        print(f"{name:6} {run:17} {1000 * spent:6.2f} ms  {1 / spent:5.0f} /s  x {times['toolbox'] / spent:.2f}")


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name, config, data in (("NYU", "swin_nyu.py", NYU), ("KITTI", "swin_kitti.py", KITTI)):
        with tempfile.TemporaryDirectory() as folder:
            compare(name, config, data, Path(folder))


if __name__ == "__main__":
    main()
