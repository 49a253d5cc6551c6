"""Context of the whole image for the coarsest map: Zhao et al. 2017, "Pyramid Scene Parsing Network"."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.registry import MODELS

GRIDS = (1, 2, 3, 6)  # regions a side that the map is averaged over


@MODELS.register
class PSP(nn.Module):
    """Adds a fifth map to four: the coarsest beside its means over coarse regions, mixed, of `channels`."""

    def __init__(self, in_channels: Sequence[int], channels: int = 512) -> None:
        super().__init__()
        deepest = in_channels[-1]
        self.projects = nn.ModuleList(
            nn.Sequential(nn.Conv2d(deepest, channels, 1, bias=False), nn.GroupNorm(channels // 2, channels), nn.ReLU())
            for _ in GRIDS
        )
        self.bottleneck = nn.Conv2d(deepest + channels * len(GRIDS), channels, 3, padding=1)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps (B, C_i, H/s_i, W/s_i), fine to coarse -> the same and (B, channels, H/s_3, W/s_3)."""
        deepest = features[-1]
        size = deepest.shape[-2:]
        context = [deepest]
        for grid, project in zip(GRIDS, self.projects, strict=True):
            region = project(F.adaptive_avg_pool2d(deepest, grid))
            context.append(F.interpolate(region, size, mode="bilinear"))
        return [*features, F.relu(self.bottleneck(torch.cat(context, dim=1)))]
