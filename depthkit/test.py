"""python -m depthkit.test CONFIG [CHECKPOINT]: scores a model on its test set, and writes what it predicts."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthkit.config import Config, default_work_dir, load_config

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from depthkit.data.dataset import DepthDataset
    from depthkit.evaluate import Evaluation
    from depthkit.protocols import Protocol

    Observer = Callable[[dict[str, Any], Tensor], None]

logger = logging.getLogger("depthkit")

SUBMISSION_SCALE = 256  # of the KITTI benchmark's 16-bit PNGs
LEAST_SCALE = 100  # of the PNGs of predictions: steps a metre


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m depthkit.test",
        description="Scores a model on the test set of its config. Prints a table, and writes the same numbers to"
        " CHECKPOINT_SPLIT_PROTOCOL.json in the work dir, with --align, --average and --window in its name if given."
        " Pictures and predictions are named after their images, by the path below the dataset's root.",
    )
    add = parser.add_argument
    add("config", help="a config file, such as configs/swin_nyu.py")
    add("checkpoint", nargs="?", help="ours or another's weights (default: the best in the work dir, else the newest)")
    add("--work-dir", help="folder of the run (default: work_dirs/ and the config's path)")
    add("--split", choices=("test", "val"), default="test", help="which set (default: %(default)s)")
    add("--protocol", help="how to score, such as nyu_eigen or full (default: the dataset's)")
    add("--align", choices=("none", "scale", "scale_shift"), help="fit each prediction to its target first")
    add("--average", choices=("image", "pixel"), help="what has one vote (default: the image)")
    add(
        "--window", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"), help="predict larger images in windows of this size"
    )
    add("--out", type=Path, help="folder for predictions: 16-bit PNGs of metres times the dataset's depth_scale")
    add("--npz", action="store_true", help="predictions as float32 metres, under `depth` in .npz files, instead")
    add("--show-dir", type=Path, help="folder for pictures: image, target, prediction and error side by side")
    add("--format-only", type=Path, metavar="DIR", help="no scores: a submission to the KITTI benchmark")
    add("--ensemble", type=Path, nargs="+", metavar="DIR", help="score the mean of what --out wrote; no checkpoint")
    add("--launcher", choices=("auto", "none", "pytorch", "slurm"), default="auto", help="who started the processes")
    add("--cfg-options", nargs="+", action="extend", default=[], metavar="a.b=c", help="override keys of the config")
    return parser.parse_intermixed_args(argv)  # launch.sh puts --launcher between config and checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        check(args)
        config = load_config(args.config, args.cfg_options)
        config["work_dir"] = str(args.work_dir or config.work_dir or default_work_dir(args.config))
        run(args, config)
    except (ValueError, OSError) as error:  # what the user can mend: the message says how
        sys.exit(f"depthkit.test: {error}")


def check(args: argparse.Namespace) -> None:
    """A ValueError for options that do not go together."""
    if args.window and min(args.window) < 1:
        raise ValueError(f"--window {args.window[0]} {args.window[1]}: it takes numbers above 0")
    if args.window and args.ensemble:
        raise ValueError("--window is for a model; --ensemble scores predictions that are made already")
    if args.npz and not args.out:
        raise ValueError("--npz says how --out writes: name a folder with --out")


def run(args: argparse.Namespace, config: Config) -> None:
    # torch comes in here: --help, a mistyped flag and a wrong config key answer without it
    import torch

    from depthkit import distributed
    from depthkit.build import build_test_loader
    from depthkit.evaluate import score, show_all

    device = distributed.init(args.launcher, **config.dist_params)
    logging.basicConfig(level=logging.INFO if distributed.is_main() else logging.WARNING, format="%(message)s")
    loader = build_test_loader(config, args.split, device)
    protocol = choose_protocol(args, loader.dataset)
    source = None if args.ensemble else find_checkpoint(args, config)
    scored = loader.dataset.has_depth and not args.format_only
    if not (scored or args.out or args.format_only or args.show_dir):
        raise ValueError("this set has no depth to score with: ask for --out, --format-only or --show-dir")
    observe = build_observer(args, loader.dataset, config.model)
    predict = build_predict(args, config, source, loader.dataset, protocol.flip, device)
    with torch.no_grad():
        if scored:
            report(score(predict, loader, protocol, device, more=True, observe=observe), args, config, source)
        else:
            show_all(predict, loader, device, observe)
    distributed.close()


def find_checkpoint(args: argparse.Namespace, config: Config) -> Path:
    from depthkit.checkpoint import best_files, find_newest

    if args.checkpoint:
        return Path(args.checkpoint)
    work_dir = Path(config.work_dir)
    best = best_files(work_dir)
    found = best[-1] if best else find_newest(work_dir)
    if found is None:
        raise ValueError(f"there is no checkpoint in {work_dir}: name one after the config, or --work-dir")
    return found


def choose_protocol(args: argparse.Namespace, dataset: "DepthDataset") -> "Protocol":
    """The protocol that was asked for, else the dataset's, with the changes that were asked for."""
    from depthkit.protocols import find_protocol

    protocol = find_protocol(args.protocol or dataset.protocol).within(dataset.min_depth, dataset.max_depth)
    return replace(
        protocol,
        align=args.align or protocol.align,
        average=args.average or protocol.average,
        flip=None if args.ensemble else protocol.flip,
    )


def build_predict(
    args: argparse.Namespace,
    config: Config,
    source: Path | None,
    dataset: "DepthDataset",
    flip: bool | None,
    device: "torch.device",
) -> "Callable[[dict[str, Any]], Tensor]":
    """From a batch to depths (B,1,h,w): those of the model in `source`, or without one the mean of an ensemble's."""
    from depthkit.evaluate import predict_depth
    from depthkit.models.weights import load_model

    if source is None:
        return lambda batch: read_mean(args.ensemble, dataset, batch["path"]).to(device)
    logger.info("Testing %s", source)
    model = load_model(source, config.model).to(device).eval()
    window = tuple(args.window) if args.window else None
    return lambda batch: predict_depth(model, batch["image"], batch.get("intrinsics"), flip=flip, window=window)


def build_observer(args: argparse.Namespace, dataset: "DepthDataset", model: dict[str, Any]) -> "Observer":
    """Writes each image's prediction wherever it was asked for; `model` is the config's. PNGs that cannot hold the
    predictions are a ValueError."""
    from depthkit.data.io import write_depth_npz, write_depth_png, write_image
    from depthkit.visualize import strip

    scale, lowest, highest = dataset.depth_scale, model.get("min_depth", 1e-3), model["max_depth"]
    if args.out and not args.npz and not LEAST_SCALE <= scale <= 65535 / highest:
        raise ValueError(
            f"a 16-bit PNG of metres times {scale:g}, the dataset's depth_scale, does not hold depths up to"
            f" {highest:g} m to the centimetre: add --npz"
        )
    files = Files()

    def observe(batch: dict[str, Any], prediction: "Tensor") -> None:
        for place, path in enumerate(batch["path"]):
            name, depth = dataset.name(path), prediction[place, 0].cpu().numpy()
            if args.out and args.npz:
                write_depth_npz(files.place(args.out, name, ".npz", path), depth)
            elif args.out:
                write_depth_png(files.place(args.out, name, ".png", path), depth, scale)
            if args.format_only:
                submitted = files.place(args.format_only, Path(name).name, ".png", path)
                write_depth_png(submitted, depth, SUBMISSION_SCALE)
            if args.show_dir:
                image, target = batch["image"][place].permute(1, 2, 0), batch["depth"][place, 0]
                picture = strip(image.cpu().numpy(), target.cpu().numpy(), depth, lowest, highest)
                write_image(files.place(args.show_dir, name, ".png", path), picture)

    return observe


class Files:
    """Where what belongs to images goes: each thing into a file of its own, and none over an image."""

    def __init__(self) -> None:
        self.written: dict[Path, str] = {}

    def place(self, folder: Path, name: str, suffix: str, path: str) -> Path:
        file = file_for(folder, name, suffix)
        if file.resolve() == Path(path).resolve():
            raise ValueError(f"{file} is the image itself: choose another folder")
        if file in self.written:
            raise ValueError(f"{file} would be written for {self.written[file]} and for {path}: choose other folders")
        self.written[file] = path
        return file


def file_for(folder: Path, name: str, suffix: str) -> Path:
    """The file in `folder` about the image that its dataset calls `name`: below it, wherever the image lies."""
    return folder.joinpath(*(part for part in Path(name + suffix).parts if part not in ("..", "/")))


def read_mean(folders: Sequence[Path], dataset: "DepthDataset", paths: Sequence[str]) -> "Tensor":
    """The mean over `folders` of the predictions for images of one size, (B,1,h,w) in metres."""
    import numpy as np
    import torch

    from depthkit.data.io import read_depth

    means = []
    for path in paths:
        depths = []
        for folder in folders:
            arrays, png = (file_for(folder, dataset.name(path), suffix) for suffix in (".npz", ".png"))
            depths.append(read_depth(arrays, 1) if arrays.exists() else read_depth(png, dataset.depth_scale))
        if len({depth.shape for depth in depths}) > 1:
            raise ValueError(
                f"the predictions for {path} are of {', '.join(str(depth.shape) for depth in depths)} pixels"
            )
        means.append(np.mean(depths, axis=0, dtype=np.float32))
    return torch.from_numpy(np.stack(means))[:, None]


def report(evaluation: "Evaluation", args: argparse.Namespace, config: Config, source: Path | None) -> None:
    """Prints the table, and writes its numbers to a file, on rank 0."""
    from depthkit.data.io import whole
    from depthkit.distributed import is_main
    from depthkit.logs import finite

    if not is_main():
        return
    protocol, window = evaluation.protocol, "x".join(map(str, args.window or []))
    chosen = bool(source) and source.name.startswith("best_") and config.data.val == config.data[args.split]
    print(evaluation.table())
    if window:
        print(f"window:    {window}")
    if chosen:
        print("selection: the checkpoint is the best of its run on this very set")
    names = [source.stem if source else "ensemble", args.split, protocol.name, protocol.align, protocol.average, window]
    path = Path(config.work_dir, "_".join(name for name in names if name not in ("none", "image", "")) + ".json")
    results = {"checkpoint": str(source or args.ensemble), **protocol.facts()}
    results |= {"window": window or "none", "selected_on_this_set": chosen}
    results |= {"num_images": evaluation.num_images, "num_skipped": evaluation.num_skipped}
    results |= {"metrics": finite(evaluation.metrics), "ranges": [finite(row) for row in evaluation.ranges]}
    with whole(path) as partial:
        partial.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
