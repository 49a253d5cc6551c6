"""python -m depthkit.infer CHECKPOINT IMAGE...: metric depth of photos, from nothing but a checkpoint."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m depthkit.infer",
        description="Predicts depth. For each image writes NAME_depth.png, 16 bits in millimetres, and NAME_color.png,"
        " both at the image's size; the network sees the image at that size, too.",
    )
    parser.add_argument("checkpoint", help="an epoch_N.pth, latest.pth or best_*.pth of a training run")
    parser.add_argument("images", nargs="+", type=Path, metavar="image", help="image files, or folders of them")
    parser.add_argument(
        "--out", type=Path, default=Path("predictions"), help="folder to write to (default: %(default)s)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        paths = find_images(args.images)
        write_predictions(args.checkpoint, paths, args.out)
    except (ValueError, FileNotFoundError) as error:  # what the user can mend: the message says how
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


def load(checkpoint: str | Path, device: "torch.device | str" = "cpu") -> "nn.Module":
    """The model in a checkpoint, built from the config that lies in it, ready to predict."""
    import depthkit.models  # noqa: F401  fills the registry
    from depthkit.checkpoint import load as load_checkpoint
    from depthkit.registry import MODELS

    state = load_checkpoint(checkpoint)
    if "meta" not in state:
        raise ValueError(f"{checkpoint} holds no config: it is no checkpoint of depthkit")
    model = MODELS.build(state["meta"]["config"]["model"])
    model.load_state_dict(state["state_dict"])
    return model.to(device).eval()


def predict(model: "nn.Module", image: "np.ndarray") -> "np.ndarray":
    """Image uint8 (H,W,3) RGB -> depth float32 (H,W), metres, the mean with the mirrored image's."""
    import torch

    from depthkit.evaluate import predict_depth
    from depthkit.models.layers import resize

    device = next(model.parameters()).device
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(device)
    with torch.no_grad():
        depth = predict_depth(model, pixels, None, flip=True)
        return resize(depth, image.shape[:2])[0, 0].cpu().numpy()


def write_predictions(checkpoint: str, paths: Sequence[Path], out: Path) -> None:
    import numpy as np
    import torch
    from PIL import Image

    from depthkit.data.io import read_image, write_depth_png
    from depthkit.logs import progress
    from depthkit.visualize import colorize

    model = load(checkpoint, "cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    for path in progress(paths, len(paths), "Predicting"):
        depth = predict(model, read_image(path))
        # 65.535 m is the farthest that 16 bits of millimetres can hold
        write_depth_png(out / f"{path.stem}_depth.png", np.minimum(depth, 65.535), scale=1000)
        Image.fromarray(colorize(depth, model.min_depth, model.max_depth)).save(out / f"{path.stem}_color.png")
    print(f"Depth of {len(paths)} images in {out.absolute()}")


if __name__ == "__main__":
    main()
