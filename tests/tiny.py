"""A whole training run in a second: a tiny model on a few rendered rooms, built by the same code as any other."""

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from depthkit.build import build_runner
from depthkit.registry import MODELS
from depthkit.runner import Runner
from depthkit.train import parse_args, read_config

CONFIG = """
_rooms = dict(type="SyntheticDataset", height=24, width=32, max_depth=10)
model = dict(type="TinyModel", dropout=0.2)
criterion = dict(loss_depth=dict(type="SigLoss"))
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=0,
    train=dict(num_images=25, scene_seed=0, pipeline=[dict(type="RandomFlip", prob=0.5)], **_rooms),
    val=dict(num_images=5, scene_seed=1, protocol="full", **_rooms),
)
optimizer = dict(type="AdamW", lr=1e-3, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=10))
lr_config = dict(policy="OneCycle", max_lr=1e-2)
runner = dict(max_epochs=2)
log_config = dict(interval=5, hooks=[dict(type="TextLoggerHook")])
seed = 3
"""


@MODELS.register
class TinyModel(nn.Module):
    """Convolutions, batch normalisation and dropout: what makes a resume hard, in some hundred weights."""

    min_depth, max_depth = 1e-3, 10.0

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout)
        )
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1))

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        return {"depth": self.max_depth * self.depth(self.features(image / 255.0)).sigmoid() + self.min_depth}


def write_config(folder: Path, text: str = "") -> Path:
    """The tiny run's config with `text` added, as a file; each of several ranks writes it, and none reads it half."""
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / "tiny.py", folder / f"tiny{os.getpid()}.partial"
    partial.write_text(CONFIG + text)
    return partial.replace(path)


def build(folder: Path, *options: str, text: str = "") -> Runner:
    """The runner for the tiny config with `options` on the command line, its work dir inside `folder`."""
    args = parse_args([str(write_config(folder, text)), "--work-dir", str(folder / "run"), *options])
    return build_runner(read_config(args), args, torch.device("cpu"))


def train(folder: Path, *options: str, text: str = "") -> Runner:
    runner = build(folder, *options, text=text)
    runner.train()
    return runner
