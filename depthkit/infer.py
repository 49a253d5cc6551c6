"""python -m depthkit.infer CHECKPOINT IMAGE...: metric depth of photos, from a checkpoint of ours or of others."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthkit.config import load_config

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m depthkit.infer",
        description="Predicts depth. For each image writes NAME_depth.png, millimetres in 16 bits, so 65.535 m at most,"
        " and NAME_color.png, both at the image's size.",
    )
    add = parser.add_argument
    add("checkpoint", help="an epoch_N.pth, latest.pth or best_*.pth of a training run, or another's weights")
    add("images", nargs="+", type=Path, metavar="image", help="image files, or folders of them")
    add("--out", type=Path, default=Path("predictions"), help="folder to write to (default: %(default)s)")
    add("--config", help="the config of the model, for weights that come without one")
    add("--cfg-options", nargs="+", action="extend", default=[], metavar="a.b=c", help="override keys of that config")
    add(
        "--short-side",
        type=int,
        metavar="PIXELS",
        help="resize the image to about this shorter side, a multiple of 32, for the network (default: its own size)",
    )
    add("--intrinsics", nargs=4, type=float, metavar=("FX", "FY", "CX", "CY"), help="of the camera, in pixels")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        if args.cfg_options and not args.config:
            raise ValueError("--cfg-options change the config that --config names: name one")
        paths = find_images(args.images)
        config = load_config(args.config, args.cfg_options).plain() if args.config else None
        write_predictions(args.checkpoint, config, paths, args.out, args.short_side, args.intrinsics)
    except (ValueError, OSError) as error:  # what the user can mend: the message says how
        sys.exit(f"depthkit.infer: {error}")


def find_images(places: Sequence[Path]) -> list[Path]:
    """The files among `places`, and those in its folders; their names must tell them apart."""
    found = []
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"there is no image or folder {place}")
        found += sorted(p for p in place.iterdir() if p.suffix.lower() in SUFFIXES) if place.is_dir() else [place]
    by_name: dict[str, Path] = {}
    for path in found:
        if path.stem in by_name:
            raise ValueError(f"{by_name[path.stem]} and {path} would be written to the same files: run them apart")
        by_name[path.stem] = path
    if not found:
        raise ValueError(f"there is no image in {', '.join(map(str, places))}")
    return found


def load(
    checkpoint: str | Path, device: "torch.device | str" = "cpu", config: dict[str, Any] | None = None
) -> "nn.Module":
    """The model in a checkpoint, ready to predict, built from the config that lies in it, or from `config` around
    weights of any kind that depthkit knows."""
    import depthkit.models  # noqa: F401  fills the registry
    from depthkit.models.weights import load_model

    return load_model(checkpoint, config and config["model"]).to(device).eval()


def predict(
    model: "nn.Module",
    image: "np.ndarray",
    intrinsics: "np.ndarray | None" = None,
    short_side: int | None = None,
) -> "np.ndarray":
    """Image uint8 (H,W,3) RGB, intrinsics float32 (3,3) where the model needs them -> depth float32 (H,W), metres, the
    mean with the mirrored image's. With `short_side` the model sees the image resized to about that many pixels."""
    import numpy as np
    import torch

    from depthkit.data.sample import Sample
    from depthkit.data.transforms import ResizeToMultiple
    from depthkit.evaluate import predict_depth
    from depthkit.models.layers import resize

    sample = Sample(image, np.zeros(image.shape[:2], np.float32), path="", intrinsics=intrinsics)
    if short_side is not None:
        # the strides of all backbones divide 32 but DINOv2's, which goes to its own multiple by itself
        sample = ResizeToMultiple(short_side, multiple=32)(sample, np.random.default_rng())
    device = next(model.parameters()).device
    pixels = torch.from_numpy(sample.image.copy()).permute(2, 0, 1)[None].to(device)
    camera = None if sample.intrinsics is None else torch.from_numpy(sample.intrinsics)[None].to(device)
    with torch.no_grad():
        depth = predict_depth(model, pixels, camera, flip=True)
        return resize(depth, image.shape[:2])[0, 0].cpu().numpy()


def write_predictions(
    checkpoint: str,
    config: dict[str, Any] | None,
    paths: Sequence[Path],
    out: Path,
    short_side: int | None,
    camera: Sequence[float] | None,
) -> None:
    """`camera` is fx, fy, cx, cy of all images, in pixels."""
    import numpy as np
    import torch

    from depthkit.data.io import read_image, write_depth_png, write_image
    from depthkit.data.sample import pinhole
    from depthkit.logs import progress
    from depthkit.visualize import colorize

    model = load(checkpoint, "cuda" if torch.cuda.is_available() else "cpu", config)
    intrinsics = pinhole(*camera) if camera else None
    for path in progress(paths, len(paths), "Predicting"):
        depth = predict(model, read_image(path), intrinsics, short_side)
        # 65.535 m is the farthest that 16 bits of millimetres can hold
        write_depth_png(out / f"{path.stem}_depth.png", np.minimum(depth, 65.535), scale=1000)
        write_image(out / f"{path.stem}_color.png", colorize(depth, model.min_depth, model.max_depth))
    print(f"Depth of {len(paths)} images in {out.absolute()}")


if __name__ == "__main__":
    main()
