"""Small parts that several models share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DepthRange = tuple[float, float]  # from the nearest to the farthest, metres


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, H, W), bilinear, corner pixels on corner pixels as in the toolbox's configs."""
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


class ConvNorm(nn.Module):
    """A convolution that keeps the size of its map, batch normalisation, ReLU, leaky if it has a slope."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, negative_slope: float = 0.0) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        return F.leaky_relu(self.bn(self.conv(features)), self.negative_slope)


def init_above_zero(conv: nn.Conv2d) -> None:
    """Makes what a ReLU gets positive at first: one that is 0 everywhere never learns, and the loss stays as it is."""
    nn.init.normal_(conv.weight, std=1e-2)
    nn.init.ones_(conv.bias)


def depth_of_bins(widths: Tensor, weights: Tensor, depth_range: DepthRange) -> dict[str, Tensor]:
    """Widths of bins (B, K) as shares of the range, and their weights (B, K, H, W), both of sum 1 over K -> "depth"
    (B, 1, H, W), the mean of the bins' centres, and "bin_edges" (B, K+1), ascending, both in metres."""
    low, high = depth_range
    edges = F.pad((high - low) * widths, (1, 0), value=low).cumsum(dim=1)
    return {"depth": mean_depth(weights, (edges[:, :-1] + edges[:, 1:]) / 2), "bin_edges": edges}


def mean_depth(weights: Tensor, centres: Tensor) -> Tensor:
    """Weights (B, K, H, W) that sum to 1 over K, centres (K,) or (B, K) in metres -> their mean depth (B, 1, H, W)."""
    return torch.einsum("bkhw,bk->bhw", weights, centres.expand(len(weights), -1))[:, None]
