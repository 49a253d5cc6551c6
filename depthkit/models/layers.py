"""Small parts that several models share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


def start_above_zero(conv: nn.Conv2d) -> None:
    """Makes what a ReLU gets positive at first: one that is 0 everywhere never learns, and the loss stays as it is."""
    nn.init.normal_(conv.weight, std=1e-2)
    nn.init.ones_(conv.bias)


def mean_depth(weights: Tensor, centres: Tensor) -> Tensor:
    """Weights (B, K, H, W) that sum to 1 over K, centres (K,) or (B, K) in metres -> their mean depth (B, 1, H, W)."""
    return torch.einsum("bkhw,bk->bhw", weights, centres.expand(len(weights), -1))[:, None]
