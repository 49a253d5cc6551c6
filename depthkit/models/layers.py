"""Small parts that several models share."""

import torch
from torch import Tensor
from torch.nn import functional as F


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, H, W), bilinear, corner pixels on corner pixels as in the toolbox's configs."""
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


def mean_depth(weights: Tensor, centres: Tensor) -> Tensor:
    """Weights (B, K, H, W) that sum to 1 over K, centres (K,) or (B, K) in metres -> their mean depth (B, 1, H, W)."""
    return torch.einsum("bkhw,bk->bhw", weights, centres.expand(len(weights), -1))[:, None]
