"""Whether each method can learn: at reduced size, on eight rendered rooms that it is then scored on.

    python tests/benchmarks/overfit.py [--steps N] [METHOD ...]

Prints the abs_rel that each recipe's model and losses reach; below 0.05 is what is asked for. One to ten minutes a
method on two cores. Half the steps do for all but BTS, whose norms' means follow slowly (momentum 0.01).
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from depthkit.build import build_runner
from depthkit.train import parse_args, read_config

CONFIGS = Path(__file__).parents[2] / "configs"
SWIN = (
    "model.backbone.embed_dims=48",
    "model.backbone.depths=(2,2,2,2)",
    "model.backbone.num_heads=(2,4,8,16)",
    "model.backbone.drop_path_rate=0.0",
)
SWIN_CHANNELS = "(48,96,192,384)"
R18 = ("model.backbone.depth=18", "model.decode_head.in_channels=(64,64,128,256,512)")
# a recipe, height and width, the highest rate, and what makes it small
METHODS = {
    "densedepth": (
        "swin_nyu.py",
        (64, 96),
        5e-4,
        *SWIN,
        f"model.decode_head.in_channels={SWIN_CHANNELS}",
        "model.decode_head.channels=(48,64,128,256)",
    ),
    "simipu": (
        "simipu/simipu_r50_scratch_nyu.py",
        (64, 96),
        5e-4,
        *R18,
        "model.decode_head.channels=(32,64,64,128,256)",
    ),
    "bts": ("bts/bts_r50_nyu_24e.py", (64, 96), 5e-4, *R18, "model.decode_head.num_features=256"),
    "adabins": (
        "adabins/adabins_r50_nyu_24e.py",
        (64, 96),
        5e-4,
        *R18,
        "model.decode_head.channels=(64,64,64,128,256)",
        "model.decode_head.num_bins=64",
    ),
    "dpt": ("dpt/dpt_vit-b16_nyu.py", (64, 96), 1e-4),
    "depth_anything": ("depth_anything/depth_anything_v2_vits_nyu.py", (56, 84), 1e-4),
    "depthformer": (
        "depthformer/depthformer_swint_nyu.py",
        (64, 96),
        5e-4,
        *SWIN,
        "model.neck.in_channels=(64,48,96,192,384)",
        "model.neck.embedding_dim=64",
        "model.decode_head.in_channels=(64,48,96,192,384)",
        "model.decode_head.channels=(64,48,96,192,384)",
    ),
    "binsformer": (
        "binsformer/binsformer_swinl_kitti.py",
        (64, 96),
        5e-4,
        *SWIN,
        "model.max_depth=10",
        f"model.decode_head.in_channels={SWIN_CHANNELS}",
        "model.decode_head.channels=64",
    ),
    "newcrfs": (
        "newcrfs/newcrfs_swinl_nyu.py",
        (64, 96),
        5e-4,
        *SWIN,
        f"model.neck.in_channels={SWIN_CHANNELS}",
        f"model.decode_head.in_channels={SWIN_CHANNELS}",
    ),
}


def overfit(method: str, steps: int, folder: Path) -> float:
    recipe, (height, width), lr, *options = METHODS[method]
    rooms = {"type": "SyntheticDataset", "max_depth": 10, "height": height, "width": width, "num_images": 8}
    rooms["scene_seed"] = 0
    args = parse_args(
        [str(CONFIGS / recipe), "--work-dir", str(folder), "--seed", "0", "--cfg-options", "pretrained=None", *options]
    )
    config = read_config(args)
    plain = type(config)
    config["data"] = plain(
        {**config.data, "samples_per_gpu": 8, "workers_per_gpu": 0}
        | {"train": rooms, "val": {**rooms, "protocol": "full"}, "test": {}}
    )
    config["runner"] = plain({"max_epochs": 1, "iters_per_epoch": steps})
    config["optimizer"] = plain({"type": "AdamW", "lr": lr, "weight_decay": 0.01})
    config["lr_config"] = plain({"policy": "OneCycle", "max_lr": lr, "div_factor": 25, "final_div_factor": 100})
    config["custom_hooks"], config["momentum_config"] = [], None
    config["log_config"] = plain({"interval": steps, "hooks": []})
    runner = build_runner(config, args, torch.device("cpu"))
    runner.train()
    return runner.evaluation.metrics["abs_rel"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Overfits each method, made small, on eight rendered rooms.")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("methods", nargs="*", help=f"some of {', '.join(METHODS)} (default: all)")
    args = parser.parse_args()
    reached = {}
    for method in args.methods or METHODS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            reached[method] = overfit(method, args.steps, Path(folder))
        print(f"{method:16} abs_rel {reached[method]:.4f} in {time.monotonic() - start:.0f} s", flush=True)
    for method, abs_rel in reached.items():
        print(f"{method:16} {abs_rel:.4f}  {'below' if abs_rel < 0.05 else 'NOT below'} 0.05")


if __name__ == "__main__":
    main()
