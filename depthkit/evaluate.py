"""How good a model is: it predicts the images of a loader, and a protocol says what of that is scored."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from depthkit.data.loader import to_device
from depthkit.distributed import broadcast_buffers, is_main, world_size
from depthkit.logs import progress
from depthkit.metrics import MetricAverage, RangeTable
from depthkit.models.layers import resize
from depthkit.protocols import Protocol

logger = logging.getLogger("depthkit")

Picture = tuple[Tensor, Tensor, Tensor]  # image uint8 (3,H,W), target and prediction float32 (1,h,w) metres
PICTURES = 4  # of an evaluation
RANGES = (0, 2, 5, 10, 20, 40, 80, math.inf)  # metres


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found: each metric over `num_images`; `num_skipped` had no pixel to score.

    `pictures` are a few images, the same in each evaluation of a set, on rank 0 alone. `ranges`, if asked for, are the
    rows of a `RangeTable`.
    """

    protocol: Protocol
    metrics: dict[str, float]
    num_images: int
    num_skipped: int
    pictures: list[Picture]
    ranges: list[dict[str, float]]

    def table(self) -> str:
        """The metrics with 4 decimals, and all that another's numbers must share to be compared with them."""
        facts = self.protocol.facts()
        facts["images"] = f"{self.num_images}, and {self.num_skipped} skipped for want of a valid pixel"
        lines = align_columns([list(self.metrics), [f"{value:.4f}" for value in self.metrics.values()]])
        lines += [f"{name + ':':10} {fact}" for name, fact in facts.items()]
        if self.ranges:
            columns = ("abs_rel", "rmse", "mae", "a1")
            rows = [["target", "pixels", *columns]]
            for row in self.ranges:
                place = [f"{row['from']:g} to {row['to']:g} m", f"{row['share']:.1%}"]
                rows.append(place + [f"{row[name]:.4f}" for name in columns])
            lines += ["", *align_columns(rows)]
        return "\n".join(lines)


def align_columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def evaluate(model: nn.Module, loader: DataLoader, protocol: Protocol, device: torch.device) -> Evaluation:
    """Scores `model`, which must not be wrapped for data parallelism, on all samples of an `eval_loader`; every rank
    calls this with its share of them and gets the same numbers."""
    broadcast_buffers(model)

    def predict(batch: dict[str, Any]) -> Tensor:
        return predict_depth(model, batch["image"], batch.get("intrinsics"), flip=protocol.flip)

    with evaluating(model):
        return score(predict, loader, protocol, device, keep=PICTURES)


def score(
    predict: Callable[[dict[str, Any]], Tensor],
    loader: DataLoader,
    protocol: Protocol,
    device: torch.device,
    *,
    keep: int = 0,
    more: bool = False,
    observe: Callable[[dict[str, Any], Tensor], None] | None = None,
) -> Evaluation:
    """Scores what `predict` returns for each batch, depth (B,1,h,w) in metres, at the size of the batch's targets.

    At most `keep` of the images, spread evenly over rank 0's share, are kept as pictures. With `more` there are more
    metrics, and those of ranges of depth. `observe` is shown each batch and its prediction (B,1,H,W). A set without a
    single valid pixel is a ValueError. A prediction that is no positive number makes the metrics nan, with a warning.
    """
    average = MetricAverage(device, per_pixel=protocol.average == "pixel", more=more)
    ranges = RangeTable(RANGES, device) if more else None
    kept = spread(range(0, len(loader.dataset), world_size()), keep)
    pictures: list[Picture] = []
    for batches in shown(loader, "Evaluating"):
        for batch in batches:
            positions = batch["position"].tolist()  # still on the CPU, so nothing waits
            batch = to_device(batch, device)
            target = batch["depth"]
            prediction = resize(predict(batch), target.shape[-2:])
            scored = protocol.apply(prediction, target)
            average.add(*scored)
            if ranges:
                ranges.add(*scored)
            if observe:
                observe(batch, prediction)
            chosen = [place for place, position in enumerate(positions) if position in kept]
            pictures += [(batch["image"][i].cpu(), target[i].cpu(), prediction[i].cpu()) for i in chosen]
    metrics, num_images, num_skipped = average.compute()
    if num_images == 0:
        raise ValueError(
            f"none of the {num_skipped} images has a pixel that protocol {protocol.name} scores, with"
            f" {protocol.min_depth:g} < depth < {protocol.max_depth:g} m: look at depth_scale and the depth files"
        )
    if math.isnan(metrics["abs_rel"]):
        logger.warning("The model's depth is not a positive number somewhere, so metrics are nan")
    return Evaluation(protocol, metrics, num_images, num_skipped, pictures, ranges.compute() if ranges else [])


def shown(loader: DataLoader, title: str) -> Iterable[list[dict[str, Any]]]:
    """What `loader` yields, with a progress bar on rank 0."""
    return progress(loader, len(loader), title) if is_main() else loader


def show_all(
    predict: Callable[[dict[str, Any]], Tensor],
    loader: DataLoader,
    device: torch.device,
    observe: Callable[[dict[str, Any], Tensor], None],
) -> None:
    """Shows `observe` what `score` would show it, where there is nothing to score."""
    for batches in shown(loader, "Predicting"):
        for batch in batches:
            batch = to_device(batch, device)
            observe(batch, resize(predict(batch), batch["depth"].shape[-2:]))


def predict_depth(
    model: nn.Module,
    image: Tensor,
    intrinsics: Tensor | None,
    *,
    flip: bool,
    window: tuple[int, int] | None = None,
) -> Tensor:
    """Depth float32 (B,1,h,w), metres, of uint8 images (B,3,H,W) and their intrinsics (B,3,3); with `flip` its mean
    with the prediction for the mirrored images, mirrored back; with a `window` of (height, width) see `predict_windows`
    for larger images."""

    def predict(image: Tensor, intrinsics: Tensor | None) -> Tensor:
        if window is not None and (image.shape[-2] > window[0] or image.shape[-1] > window[1]):
            return predict_windows(model, image, intrinsics, window)
        return model(image, intrinsics)["depth"].float()

    depth = predict(image, intrinsics)
    if not flip:
        return depth
    if intrinsics is not None:
        intrinsics = intrinsics.clone()
        intrinsics[:, 0, 2] = image.shape[-1] - 1 - intrinsics[:, 0, 2]  # pixel centres are integers
    mirrored = predict(image.flip(-1), intrinsics)
    return (depth + mirrored.flip(-1)) / 2


def predict_windows(model: nn.Module, image: Tensor, intrinsics: Tensor | None, window: tuple[int, int]) -> Tensor:
    """Depth float32 (B,1,H,W), metres, of images (B,3,H,W): the mean of the predictions for windows of that height and
    width, or less where the image has less, which overlap by a third at least and cover all of it."""
    total = torch.zeros_like(image[:, :1], dtype=torch.float32)
    count = torch.zeros_like(total)
    for top in starts(image.shape[-2], window[0]):
        for left in starts(image.shape[-1], window[1]):
            part = image[..., top : top + window[0], left : left + window[1]]
            camera = intrinsics
            if intrinsics is not None:
                camera = intrinsics.clone()
                camera[:, :2, 2] -= torch.tensor([left, top], device=image.device)
            depth = resize(model(part, camera)["depth"].float(), part.shape[-2:])
            total[..., top : top + window[0], left : left + window[1]] += depth
            count[..., top : top + window[0], left : left + window[1]] += 1
    return total / count


def starts(size: int, window: int) -> list[int]:
    """Where windows start along `size` pixels, evenly spaced."""
    if size <= window:
        return [0]
    count = math.ceil((size - window) / (window * 2 / 3)) + 1
    return np.linspace(0, size - window, count).round().astype(int).tolist()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode and no gradients; afterwards every part of it has the mode it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def spread(positions: range, count: int) -> set[int]:
    """At most `count` of `positions`, evenly spaced, the first and the last among them."""
    places = np.linspace(0, len(positions) - 1, min(count, len(positions))).round().astype(int)
    return {positions[place] for place in places}


def constant_map(depths: np.ndarray) -> np.ndarray:
    """The one depth map (H, W) with the lowest abs_rel on `depths` (N, H, W), metres, 0 = not measured.

    Per pixel that is the median of the measured depths with weights 1/depth: it minimises sum |depth - c| / depth. A
    pixel never measured gets the median of the others' values.
    """
    if not (depths > 0).any():
        raise ValueError(f"not one of the {depths.size} depths is measured: there is no constant map for them")
    depths = np.sort(depths, axis=0)
    weights = np.divide(1.0, depths, out=np.zeros(depths.shape), where=depths > 0)
    reached = weights.cumsum(axis=0) >= weights.sum(axis=0) / 2
    median = np.take_along_axis(depths, reached.argmax(axis=0)[None], axis=0)[0]
    return np.where(median > 0, median, np.median(median[median > 0])).astype(np.float32)


class ConstantDepth(nn.Module):
    """A model that looks at nothing: it predicts one depth map, (H, W) metres, for every image."""

    def __init__(self, depth: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("depth", torch.from_numpy(depth)[None, None])

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        """Images (B,3,h,w) -> "depth" (B,1,H,W), metres."""
        return {"depth": self.depth.expand(len(image), -1, -1, -1)}
