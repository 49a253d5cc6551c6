"""python -m depthkit.synthesize FOLDER: rendered rooms as files, in the layout of NYU Depth V2."""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m depthkit.synthesize",
        description="Writes rendered rooms as JPEG images and 16-bit depth PNGs in millimetres, with the split files of"
        " NYU Depth V2, so that what reads NYU can be run without it.",
    )
    add = parser.add_argument
    add("folder", type=Path, help="where to write, such as data/nyu")
    add("--train", type=int, default=200, help="number of training pairs (default: %(default)s)")
    add("--test", type=int, default=50, help="number of test pairs (default: %(default)s)")
    add("--height", type=int, default=480, help="of the images (default: %(default)s)")
    add("--width", type=int, default=640, help="of the images (default: %(default)s)")
    add("--seed", type=int, default=0, help="another seed renders other rooms (default: %(default)s)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if min(args.train, args.test, args.height, args.width) < 1:
        sys.exit("depthkit.synthesize: --train, --test, --height and --width take numbers above 0")
    if args.folder.exists() and not args.folder.is_dir():
        sys.exit(f"depthkit.synthesize: {args.folder} is a file; name a folder")
    taken = [name for name in ("nyu_train.txt", "nyu_test.txt") if (args.folder / name).exists()]
    if taken:
        sys.exit(f"depthkit.synthesize: {args.folder / taken[0]} exists already: choose another folder, or remove it")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        splits = {
            # test rooms come from another seed than training rooms; a leading slash as in the original file
            "nyu_train.txt": write_pairs(pool, args, "room_train", args.train, scene_seed=2 * args.seed, slash="/"),
            "nyu_test.txt": write_pairs(pool, args, "room_test", args.test, scene_seed=2 * args.seed + 1, slash=""),
        }
    for name, lines in splits.items():  # last, so that an interrupted run leaves nothing that looks whole
        (args.folder / name).write_text("".join(line + "\n" for line in lines))
    print(f"{args.train} training and {args.test} test pairs in {args.folder.absolute()}")


def write_pairs(
    pool: ProcessPoolExecutor, args: argparse.Namespace, scene: str, count: int, scene_seed: int, slash: str
) -> list[str]:
    """Renders `count` rooms into the folder `scene`; returns the lines of their split file."""
    from depthkit.logs import progress  # brings torch in: --help answers without it

    (args.folder / scene).mkdir(parents=True, exist_ok=True)
    write = partial(write_pair, args.folder, scene, scene_seed, args.height, args.width)
    pairs = progress(pool.map(write, range(count)), count, f"Rendering {scene}")
    return [f"{slash}{image} {slash}{depth} {focal:.4f}" for image, depth, focal in pairs]


def write_pair(
    folder: Path, scene: str, scene_seed: int, height: int, width: int, index: int
) -> tuple[str, str, float]:
    """Renders one room; returns the paths of image and depth relative to `folder`, and the focal length in pixels."""
    import numpy as np
    from PIL import Image

    from depthkit.data.io import write_depth_png
    from depthkit.data.synthetic import render

    pixels, depth, intrinsics = render(np.random.default_rng((scene_seed, index)), height, width)
    image, depth_name = f"{scene}/rgb_{index:05d}.jpg", f"{scene}/sync_depth_{index:05d}.png"
    Image.fromarray(pixels).save(folder / image, quality=95)
    write_depth_png(folder / depth_name, depth, scale=1000)
    return image, depth_name, float(intrinsics[0, 0])


if __name__ == "__main__":
    main()
