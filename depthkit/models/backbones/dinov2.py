"""DINOv2 (Oquab et al. 2024, "DINOv2: Learning Robust Visual Features without Supervision"), tapped at four blocks.

The taps, each after the final norm, are those of Depth Anything V2 (Yang et al. 2024).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import MLPBlock

from depthkit.models.backbones.vit import Block, fit_to_patches, init_weights, join_tokens
from depthkit.registry import MODELS

PATCH = 14
GRID = 37  # patches along a side of the 518 x 518 pixels that the positions are learnt on
EPS = 1e-6  # of the norms


class Size(NamedTuple):
    channels: int
    num_blocks: int
    num_heads: int
    taps: tuple[int, ...]


SIZES = {
    "vits": Size(384, 12, 6, (2, 5, 8, 11)),
    "vitb": Size(768, 12, 12, (2, 5, 8, 11)),
    "vitl": Size(1024, 24, 16, (4, 11, 17, 23)),
    "vitg": Size(1536, 40, 24, (9, 19, 29, 39)),
}


@MODELS.register
class DINOv2(nn.Module):
    """Four maps at stride 14, of `channels`. Images of any size are resized to the nearest multiple of 14.

    Names are those of the published files, whose `mask_token` serves pre-training alone and is left out here.
    """

    def __init__(self, size: str) -> None:
        """`size` is "vits", "vitb", "vitl" or "vitg"."""
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"DINOv2 has no size {size!r}; use one of {', '.join(SIZES)}")
        channels, num_blocks, num_heads, self.taps = SIZES[size]
        self.channels = [channels] * len(self.taps)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, channels, PATCH, stride=PATCH)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + GRID**2, channels))
        self.blocks = nn.ModuleList(
            Block(
                channels,
                num_heads,
                SwiGLU(channels) if size == "vitg" else MLPBlock(channels, 4 * channels, dropout=0.0),
                EPS,
                layer_scale=True,
            )
            for _ in range(num_blocks)
        )
        self.norm = nn.LayerNorm(channels, eps=EPS)
        init_weights(self)

    def published_weights(self) -> dict[str, Tensor]:
        """There are none among torchvision's: always a ValueError."""
        raise ValueError("torchvision publishes no weights for DINOv2: set pretrained to a file of DINOv2's authors")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, C, H/14, W/14), in the order of their blocks."""
        patches = self.patch_embed["proj"](fit_to_patches(image, PATCH))
        tokens = join_tokens(patches, self.cls_token, resize_positions(self.pos_embed, patches.shape[-2:]))
        maps = []
        for number, block in enumerate(self.blocks):
            tokens = block(tokens)
            if number in self.taps:
                maps.append(self.norm(tokens[:, 1:]).transpose(1, 2).unflatten(2, patches.shape[-2:]))
        return maps


class SwiGLU(nn.Module):
    """The largest size's feed-forward layer: w3(silu(a) * b) with a and b the halves of w12(x) (Shazeer 2020, "GLU
    Variants Improve Transformer", eq. 6), 2/3 as wide as the others', rounded up to a multiple of 8."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = (int(4 * channels * 2 / 3) + 7) // 8 * 8
        self.w12 = nn.Linear(channels, 2 * hidden)
        self.w3 = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        gate, value = self.w12(tokens).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Positions (1, 1 + 37 * 37, C) of the class token and of 37 x 37 patches -> (1, 1 + h * w, C), bicubic.

    As in pre-training the scale is that to a grid 0.1 larger; with the plain scale positions differ by some percent.
    """
    if grid == (GRID, GRID):
        return positions
    of_class, of_patches = positions[:, :1], positions[:, 1:].transpose(1, 2).unflatten(2, (GRID, GRID))
    scale = tuple((length + 0.1) / GRID for length in grid)
    resized = F.interpolate(of_patches, scale_factor=scale, mode="bicubic", align_corners=False)
    return torch.cat([of_class, resized.flatten(2).transpose(1, 2)], dim=1)
