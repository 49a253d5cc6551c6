"""DenseDepth decoder (Alhashim & Wonka 2018, "High Quality Monocular Depth Estimation via Transfer Learning")."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.models.layers import DepthRange, init_above_zero, mean_depth, resize
from depthkit.registry import MODELS

CHOICES = {"output": ("sigmoid", "relu", "bins"), "bins": ("UD", "SID"), "norm": ("linear", "softmax", "sigmoid")}


@MODELS.register
class DenseDepthHead(nn.Module):
    """Climbs from the coarsest map to the finest, joining each on the way, then turns features into depth.

    `output` says how the last convolution's numbers become metres: "sigmoid" times max_depth, which cannot get stuck;
    "relu" plus min_depth; or "bins", the mean of `num_bins` depths weighted by a distribution over them.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int],
        output: str = "sigmoid",
        num_bins: int = 256,
        bins: str = "UD",
        norm: str = "linear",
        negative_slope: float = 0.0,
    ) -> None:
        """`in_channels` and `channels` of each map before and after its step of the decoder, fine to coarse. `bins` are
        spaced evenly in depth ("UD") or in its logarithm ("SID"); `norm` makes their weights: see `normalise`.
        `negative_slope` is that of the decoder's ReLUs."""
        super().__init__()
        for name, value in {"output": output, "bins": bins, "norm": norm}.items():
            if value not in CHOICES[name]:
                raise ValueError(f"decode_head.{name} is {value!r}; use one of {CHOICES[name]}")
        if len(in_channels) != len(channels):
            raise ValueError(f"decode_head.in_channels {in_channels} and channels {channels} differ in length")
        self.output = output
        self.num_bins = num_bins
        self.bins = bins
        self.norm = norm
        self.project = nn.Conv2d(in_channels[-1], channels[-1], 1)
        self.steps = nn.ModuleList(
            UpStep(channels[level + 1] + in_channels[level], channels[level], negative_slope)
            for level in reversed(range(len(in_channels) - 1))
        )
        self.conv_depth = nn.Conv2d(channels[0], num_bins if output == "bins" else 1, 3, padding=1)
        if output == "relu":
            init_above_zero(self.conv_depth)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Maps (B, C_i, H/s_i, W/s_i), fine to coarse -> "depth" (B, 1, H/s_0, W/s_0), metres; no intrinsics needed."""
        decoded = self.project(features[-1])
        for step, skip in zip(self.steps, reversed(features[:-1]), strict=True):
            decoded = step(decoded, skip)
        numbers = self.conv_depth(decoded).float()
        min_depth, max_depth = depth_range
        if self.output == "sigmoid":
            return {"depth": max_depth * numbers.sigmoid()}
        if self.output == "relu":
            return {"depth": min_depth + numbers.relu()}
        centres = bin_centres(self.bins, self.num_bins, depth_range, numbers.device)
        return {"depth": mean_depth(normalise(numbers, self.norm), centres)}


class UpStep(nn.Module):
    """Enlarges a coarse map to the size of a finer one, and merges the two by convolutions."""

    def __init__(self, in_channels: int, out_channels: int, negative_slope: float) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.conv_a = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv_b = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        for conv in (self.conv_a, self.conv_b):
            # there is no normalisation to keep the signal up through the decoder: torch's default lets it fade
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        joined = torch.cat([resize(coarse, skip.shape[-2:]), skip], dim=1)
        merged = F.leaky_relu(self.conv_a(joined), self.negative_slope)
        return F.leaky_relu(self.conv_b(merged), self.negative_slope)


def bin_centres(bins: str, num_bins: int, depth_range: DepthRange, device: torch.device | None = None) -> Tensor:
    """(K,) depths in metres across `depth_range`: "UD" evenly spaced, "SID" evenly in the logarithm (Fu et al. 2018,
    "Deep Ordinal Regression Network", eq. 1)."""
    min_depth, max_depth = depth_range
    if bins == "UD":
        return torch.linspace(min_depth, max_depth, num_bins, device=device)
    return torch.logspace(math.log10(min_depth), math.log10(max_depth), num_bins, device=device)


def normalise(logits: Tensor, norm: str) -> Tensor:
    """Logits (B, K, H, W) -> weights that sum to 1 over K: "softmax"; or "sigmoid", or "linear", ReLU plus 0.1 as in
    the toolbox, by their sum."""
    if norm == "softmax":
        return logits.softmax(dim=1)
    positive = logits.relu() + 0.1 if norm == "linear" else logits.sigmoid()
    return positive / positive.sum(dim=1, keepdim=True)
