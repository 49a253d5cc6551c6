"""Small parts that several models share."""

from torch import Tensor
from torch.nn import functional as F


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, H, W), bilinear, corner pixels on corner pixels as in the toolbox's configs."""
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)
