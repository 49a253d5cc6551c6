"""Vision Transformer (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"), tapped at four of its blocks.

The taps and the class token beside every patch are what DPT reads (Ranftl et al. 2021, "Vision Transformers for Dense
Prediction", sec. 3).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model_weights
from torchvision.models.vision_transformer import MLPBlock

from depthkit.registry import MODELS

PATCH = 16
GRID = 14  # patches along a side of the 224 x 224 pixels that the positions are learnt on
EPS = 1e-5  # of the norms, as in the toolbox, whose numbers this meets; timm and torchvision have 1e-6


class Size(NamedTuple):
    channels: int
    num_blocks: int
    num_heads: int
    taps: tuple[int, ...]
    torchvision: str


SIZES = {
    "b16": Size(768, 12, 12, (2, 5, 8, 11), "vit_b_16"),
    "l16": Size(1024, 24, 16, (4, 11, 17, 23), "vit_l_16"),
}


@MODELS.register
class VisionTransformer(nn.Module):
    """Four maps at stride 16, of `channels`: each token's numbers, and behind them those of the class token.

    Images of any size are resized to the nearest multiple of 16.
    """

    def __init__(self, size: str) -> None:
        """`size` is "b16" or "l16"."""
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"VisionTransformer has no size {size!r}; use one of {', '.join(SIZES)}")
        self.size = SIZES[size]
        channels = self.size.channels
        self.channels = [2 * channels] * len(self.size.taps)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, channels, PATCH, stride=PATCH)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + GRID**2, channels))
        self.blocks = nn.ModuleList(
            Block(channels, self.size.num_heads, MLPBlock(channels, 4 * channels, dropout=0.0), EPS)
            for _ in range(self.size.num_blocks)
        )
        init_weights(self)

    def published_weights(self) -> dict[str, Tensor]:
        """torchvision's weights for ImageNet-1k, fetched unless they are cached."""
        return get_model_weights(self.size.torchvision).DEFAULT.get_state_dict(check_hash=True, weights_only=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, 2C, H/16, W/16), in the order of their blocks."""
        patches = self.patch_embed["proj"](fit_to_patches(image, PATCH))
        tokens = join_tokens(patches, self.cls_token, resize_positions(self.pos_embed, patches.shape[-2:]))
        maps = []
        for number, block in enumerate(self.blocks):
            tokens = block(tokens)
            if number in self.size.taps:
                class_token, of_patches = tokens[:, :1], tokens[:, 1:]
                both = torch.cat([of_patches, class_token.expand_as(of_patches)], dim=-1)
                maps.append(both.transpose(1, 2).unflatten(2, patches.shape[-2:]))
        return maps


class Block(nn.Module):
    """Attention, then `mlp`, each after a norm and beside a shortcut; with `layer_scale` each is weighed by channel
    (Touvron et al. 2021, "Going deeper with Image Transformers", sec. 2). `eps` is the norms'."""

    def __init__(self, channels: int, num_heads: int, mlp: nn.Module, eps: float, layer_scale: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attn = Attention(channels, num_heads)
        self.ls1 = LayerScale(channels) if layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.mlp = mlp
        self.ls2 = LayerScale(channels) if layer_scale else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> the same shape."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class Attention(nn.Module):
    """Self-attention in several heads over all tokens."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> the same shape."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, heads, N, c)
        return self.proj(F.scaled_dot_product_attention(*qkv).transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """A weight for each channel, learnt from 1 on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


def fit_to_patches(image: Tensor, patch: int) -> Tensor:
    """Images (B,3,H,W) -> the same, resized where height or width is no multiple of `patch` to the nearest one."""
    size = tuple(max(round(length / patch), 1) * patch for length in image.shape[-2:])
    if size == tuple(image.shape[-2:]):
        return image
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Positions (1, 1 + n * n, C) of the class token and of n x n patches -> (1, 1 + h * w, C), bicubic."""
    of_class, of_patches = positions[:, :1], positions[:, 1:].transpose(1, 2)
    side = round(of_patches.shape[-1] ** 0.5)
    resized = F.interpolate(of_patches.unflatten(2, (side, side)), grid, mode="bicubic", align_corners=False)
    return torch.cat([of_class, resized.flatten(2).transpose(1, 2)], dim=1)


def join_tokens(patches: Tensor, class_token: Tensor, positions: Tensor) -> Tensor:
    """Patches (B, C, h, w), class token (1, 1, C), positions (1, 1 + h * w, C) -> tokens (B, 1 + h * w, C)."""
    tokens = patches.flatten(2).transpose(1, 2)
    return torch.cat([class_token.expand(len(tokens), -1, -1), tokens], dim=1) + positions


def init_weights(backbone: nn.Module) -> None:
    """Positions, class token and linear layers as in timm's and DINOv2's code."""
    nn.init.trunc_normal_(backbone.pos_embed, std=0.02)
    nn.init.normal_(backbone.cls_token, std=1e-6)
    for module in backbone.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
