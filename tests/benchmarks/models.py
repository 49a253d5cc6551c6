"""What a training step of each method costs, beside its bare backbone from torchvision on the same images.

    python tests/benchmarks/models.py [--size HEIGHT WIDTH] [METHOD ...]

Each runs in a process of its own, two images, two threads: forward, losses and backward. The time is the shortest of
three after one to warm up, the memory the process's peak. A ViT in torchvision takes squares alone: of as many pixels.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from depthkit.config import load_config
from depthkit.models.losses import Criterion
from depthkit.registry import MODELS

BASES = Path(__file__).parents[2] / "configs" / "_base_" / "models"
METHODS = {  # the base model, and the backbone that torchvision has of it
    "swin_densedepth": ("swin_densedepth.py", "swin_t"),
    "simipu": ("resnet_densedepth.py", "resnet50"),
    "bts": ("bts_r50.py", "resnet50"),
    "adabins": ("adabins_efnetb5ap.py", "efficientnet_b5"),
    "dpt": ("dpt_vit-b16.py", "vit_b_16"),
    "depthformer": ("depthformer_swint.py", "swin_t"),
    "binsformer": ("binsformer_swint.py", "swin_t"),
    "newcrfs": ("newcrfs_swinl.py", "swin_l"),
    "depth_anything": ("depth_anything_v2_vits.py", None),
}


def build_step(method: str, size: tuple[int, int]) -> tuple[nn.Module, Callable[[], Tensor]]:
    """A method of the table, and what computes its loss."""
    config = load_config(BASES / METHODS[method][0])
    model = MODELS.build(config.model).train()
    criterion = Criterion({name: MODELS.build(loss) for name, loss in config.criterion.items()})
    image = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    batch = {"depth": 1 + 8 * torch.rand(2, 1, *size), "class_label": torch.tensor([3, 17])}
    return model, lambda: torch.stack(list(criterion(model(image), batch, 1000).values())).sum()


def build_backbone(name: str, size: tuple[int, int]) -> tuple[nn.Module, Callable[[], Tensor]]:
    """A backbone of torchvision, without its classifier, and what computes a number from its output."""
    if name == "swin_l":
        model = torchvision.models.SwinTransformer([4, 4], 192, [2, 2, 18, 2], [6, 12, 24, 48], [7, 7])
    elif name == "vit_b_16":
        side = 16 * round(math.sqrt(size[0] * size[1]) / 16)
        model, size = torchvision.models.vit_b_16(image_size=side), (side, side)
    else:
        model = torchvision.models.get_model(name, weights=None)
    for classifier in ("fc", "head", "heads", "classifier"):
        if hasattr(model, classifier):
            setattr(model, classifier, nn.Identity())
    image = torch.randn(2, 3, *size)
    return model.train(), lambda: model(image).square().mean()


def measure(build: Callable, name: str, size: tuple[int, int]) -> dict[str, float]:
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model, loss = build(name, size)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        loss().backward()
        times.append(time.perf_counter() - start)
        model.zero_grad()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"millions": sum(p.numel() for p in model.parameters()) / 1e6, "seconds": min(times[1:]), "GB": peak}


def in_own_process(kind: str, name: str, size: tuple[int, int]) -> dict[str, float]:
    command = [sys.executable, __file__, "--size", *map(str, size), "--measure", kind, name]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a training step of each method.")
    parser.add_argument("--size", nargs=2, type=int, default=(224, 288), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("methods", nargs="*", help=f"some of {', '.join(METHODS)} (default: all)")
    args = parser.parse_args()
    size = tuple(args.size)
    if args.measure:
        kind, name = args.measure
        print(json.dumps(measure(build_step if kind == "method" else build_backbone, name, size)))
        return
    print(
        f"{'method':16} {'M':>6} {'s':>7} {'GB':>5}   {'backbone':16} {'M':>6} {'s':>7} {'GB':>5}  times the backbone's"
    )
    for method in args.methods or METHODS:
        own = in_own_process("method", method, size)
        line = f"{method:16} {own['millions']:6.1f} {own['seconds']:7.3f} {own['GB']:5.1f}"
        if backbone := METHODS[method][1]:
            bare = in_own_process("backbone", backbone, size)
            line += f"   {backbone:16} {bare['millions']:6.1f} {bare['seconds']:7.3f} {bare['GB']:5.1f}"
            line += f"  x {own['seconds'] / bare['seconds']:.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
