"""How good a model is: it predicts the images of a loader, and a named protocol says which pixels are scored."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from depthkit.data.loader import to_device
from depthkit.distributed import broadcast_buffers, world_size
from depthkit.logs import progress
from depthkit.metrics import METRICS, MetricAverage
from depthkit.models.layers import resize

logger = logging.getLogger("depthkit")

Picture = tuple[Tensor, Tensor, Tensor]  # image uint8 (3,H,W), target and prediction float32 (1,h,w) metres


@dataclass(frozen=True)
class FixedCrop:
    """The same rows and columns of every depth map, which must all be of one size."""

    height: int
    width: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    def __call__(self, height: int, width: int) -> tuple[slice, slice]:
        if (height, width) != (self.height, self.width):
            raise ValueError(
                f"the crop to {self} is made for depth maps of {self.height} x {self.width}, but one has {height} x"
                f" {width}: choose another protocol ({', '.join(PROTOCOLS)}) or leave depth at its original size"
            )
        return slice(*self.rows), slice(*self.columns)

    def __str__(self) -> str:
        return f"rows {self.rows[0]}:{self.rows[1]}, columns {self.columns[0]}:{self.columns[1]}"


@dataclass(frozen=True)
class Protocol:
    """Which pixels are scored: those in the crop with min_depth < target < max_depth, in metres; and of what: the
    model's prediction, or with `flip` its mean with the one for the mirrored image.

    `crop` takes a depth map's height and width, returns the rows and columns that count, and prints as what it does.
    """

    name: str
    crop: Callable[[int, int], tuple[slice, slice]] | None
    min_depth: float
    max_depth: float
    flip: bool

    def cut(self, depth: Tensor) -> Tensor:
        """(..., H, W) -> the part of it that counts."""
        if self.crop is None:
            return depth
        rows, columns = self.crop(*depth.shape[-2:])
        return depth[..., rows, columns]

    def valid(self, target: Tensor) -> Tensor:
        """Of what `cut` returned, the pixels that count, bool; nan does not."""
        return (target > self.min_depth) & (target < self.max_depth)


# The crop of Eigen et al. (2014), as everyone has scored NYU Depth V2 since.
EIGEN_NYU = FixedCrop(480, 640, rows=(45, 471), columns=(41, 601))
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("nyu_eigen", EIGEN_NYU, min_depth=1e-3, max_depth=10.0, flip=True),
        Protocol("full", None, min_depth=0.0, max_depth=math.inf, flip=False),
    )
}


def find_protocol(name: str | None) -> Protocol:
    """The protocol called `name`; a ValueError lists the names there are."""
    if name not in PROTOCOLS:
        close = get_close_matches(str(name), PROTOCOLS) or list(PROTOCOLS)
        raise ValueError(f"there is no evaluation protocol {name!r}; did you mean {' or '.join(map(repr, close))}?")
    return PROTOCOLS[name]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found: the mean of each metric over `num_images`; `num_skipped` had no pixel to score.

    `pictures` are a few images, the same in each evaluation of a set, on rank 0 alone.
    """

    protocol: Protocol
    metrics: dict[str, float]
    num_images: int
    num_skipped: int
    pictures: list[Picture]

    def table(self) -> str:
        """The metrics with 4 decimals, and all that another's numbers must share to be compared with them."""
        cells = [f"{self.metrics[name]:.4f}" for name in METRICS]
        widths = [max(len(name), len(cell)) for name, cell in zip(METRICS, cells, strict=True)]
        protocol = self.protocol
        facts = {
            "protocol": protocol.name,
            "crop": protocol.crop or "none",
            "cap": f"{protocol.min_depth:g} < depth < {protocol.max_depth:g} m",
            "flip": "mean with the mirrored image's prediction" if protocol.flip else "no",
            "averaging": "over the pixels of an image, then over images",
            "images": f"{self.num_images}, and {self.num_skipped} skipped for want of a valid pixel",
        }
        return "\n".join(
            [
                "  ".join(name.rjust(width) for name, width in zip(METRICS, widths, strict=True)),
                "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)),
                *(f"{name + ':':10} {fact}" for name, fact in facts.items()),
            ]
        )


def evaluate(
    model: nn.Module, loader: DataLoader, protocol: Protocol, device: torch.device, *, keep: int = 4
) -> Evaluation:
    """Scores `model`, which must not be wrapped for data parallelism, on all samples of an `eval_loader`; every rank
    calls this with its share of them and gets the same numbers.

    At most `keep` of the images, spread evenly over rank 0's share, are kept as pictures. A set without a single valid
    pixel is a ValueError. A prediction that is no positive number makes the metrics nan, with a warning.
    """
    broadcast_buffers(model)
    average = MetricAverage(device)
    kept = spread(range(0, len(loader.dataset), world_size()), keep)
    pictures: list[Picture] = []
    with evaluating(model):
        for batches in progress(loader, len(loader), "Evaluating"):
            for batch in batches:
                positions = batch["position"].tolist()  # still on the CPU, so nothing waits
                batch = to_device(batch, device)
                target = batch["depth"]
                prediction = predict_depth(model, batch["image"], batch.get("intrinsics"), flip=protocol.flip)
                prediction = resize(prediction, target.shape[-2:])
                scored = protocol.cut(target)
                average.add(protocol.cut(prediction), scored, protocol.valid(scored))
                chosen = [place for place, position in enumerate(positions) if position in kept]
                pictures += [(batch["image"][i].cpu(), target[i].cpu(), prediction[i].cpu()) for i in chosen]
    metrics, num_images, num_skipped = average.compute()
    if num_images == 0:
        raise ValueError(
            f"none of the {num_skipped} images has a pixel that protocol {protocol.name} scores, with"
            f" {protocol.min_depth:g} < depth < {protocol.max_depth:g} m: look at depth_scale and the depth files"
        )
    if any(math.isnan(value) for value in metrics.values()):
        logger.warning("The model's depth is not a positive number somewhere, so metrics are nan")
    return Evaluation(protocol, metrics, num_images, num_skipped, pictures)


def predict_depth(model: nn.Module, image: Tensor, intrinsics: Tensor | None, *, flip: bool) -> Tensor:
    """Depth float32 (B,1,h,w), metres, of uint8 images (B,3,H,W) and their intrinsics (B,3,3); with `flip` its mean
    with the prediction for the mirrored images, mirrored back."""
    depth = model(image, intrinsics)["depth"].float()
    if not flip:
        return depth
    if intrinsics is not None:
        intrinsics = intrinsics.clone()
        intrinsics[:, 0, 2] = image.shape[-1] - 1 - intrinsics[:, 0, 2]  # pixel centres are integers
    mirrored = model(image.flip(-1), intrinsics)["depth"].float()
    return (depth + mirrored.flip(-1)) / 2


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
