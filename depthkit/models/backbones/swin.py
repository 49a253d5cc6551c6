"""Swin Transformer (Liu et al. 2021, "Hierarchical Vision Transformer using Shifted Windows"), of torchvision's blocks.

Two details follow the toolbox, whose numbers this meets: windows are shifted on small maps too, where torchvision
stops, and each of the four maps has a norm of its own.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model_weights
from torchvision.models.swin_transformer import PatchMerging, ShiftedWindowAttention, SwinTransformerBlock

from depthkit.registry import MODELS

# (channels, depths) of the sizes that torchvision publishes weights for
PUBLISHED = {(96, (2, 2, 6, 2)): "swin_t", (96, (2, 2, 18, 2)): "swin_s", (128, (2, 2, 18, 2)): "swin_b"}


@MODELS.register
class SwinTransformer(nn.Module):
    """Four maps at strides 4 to 32, of `channels`. The default is the tiny size, Swin-T."""

    def __init__(
        self,
        embed_dims: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        drop_path_rate: float = 0.3,
    ) -> None:
        """`drop_path_rate` rises from 0 at the first block to this at the last."""
        super().__init__()
        self.size = (embed_dims, tuple(depths))
        self.channels = [embed_dims * 2**stage for stage in range(4)]
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, embed_dims, kernel_size=4, stride=4), "norm": nn.LayerNorm(embed_dims)}
        )
        drop_path = iter(np.linspace(0, drop_path_rate, sum(depths)).tolist())
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    SwinTransformerBlock(
                        channels,
                        heads,
                        window_size=[window_size] * 2,
                        shift_size=[(window_size // 2) * (block % 2)] * 2,
                        stochastic_depth_prob=next(drop_path),
                        norm_layer=nn.LayerNorm,
                        attn_layer=WindowAttention,
                    )
                    for block in range(depth)
                )
            )
            for channels, heads, depth in zip(self.channels, num_heads, depths, strict=True)
        )
        self.merges = nn.ModuleList(PatchMerging(channels, nn.LayerNorm) for channels in self.channels[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):  # as the authors' code and torchvision begin
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def published_weights(self) -> dict[str, Tensor]:
        """torchvision's weights for ImageNet-1k, fetched unless they are cached; there are none for other sizes."""
        if self.size not in PUBLISHED:
            raise ValueError(f"torchvision publishes no weights for a Swin of {self.size}: name a file in `pretrained`")
        return get_model_weights(PUBLISHED[self.size]).DEFAULT.get_state_dict(check_hash=True, weights_only=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, C_i, H/s_i, W/s_i), rounded up, fine to coarse."""
        height, width = image.shape[-2:]
        tokens = self.patch_embed["proj"](F.pad(image, (0, -width % 4, 0, -height % 4)))
        tokens = self.patch_embed["norm"](tokens.permute(0, 2, 3, 1))  # (B, H/4, W/4, C), as torchvision's blocks want
        maps = []
        for stage, blocks in enumerate(self.stages):
            tokens = blocks(tokens if stage == 0 else self.merges[stage - 1](tokens))
            maps.append(self.norms[stage](tokens).permute(0, 3, 1, 2).contiguous())
        return maps


class WindowAttention(ShiftedWindowAttention):
    """torchvision's attention inside shifted windows, but shifted on maps of any size."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> the same shape."""
        height, width = tokens.shape[1:3]
        window, shift = self.window_size[0], self.shift_size[0]
        padded = F.pad(tokens, (0, 0, 0, -width % window, 0, -height % window))
        windows = split_windows(padded.roll((-shift, -shift), (1, 2)), window)  # (B*n, w*w, C)
        bias = self.get_relative_position_bias()  # (1, heads, w*w, w*w)
        if shift:
            batch = len(tokens)
            bias = bias + shift_mask(*padded.shape[1:3], window, shift, tokens.device).repeat(batch, 1, 1)[:, None]
        qkv = self.qkv(windows).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*qkv, attn_mask=bias.expand(len(windows), -1, -1, -1))
        windows = self.proj(attended.transpose(1, 2).flatten(2))
        merged = join_windows(windows, padded.shape, window).roll((shift, shift), (1, 2))
        return merged[:, :height, :width].contiguous()


def split_windows(tokens: Tensor, window: int) -> Tensor:
    """(B, H, W, C) -> (B * number of windows, window * window, C)."""
    grid = tokens.unflatten(2, (-1, window)).unflatten(1, (-1, window))  # (B, H/w, w, W/w, w, C)
    return grid.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def join_windows(windows: Tensor, shape: torch.Size, window: int) -> Tensor:
    """Undoes `split_windows`; `shape` is the (B, H, W, C) to return to."""
    batch, height, width, channels = shape
    grid = windows.view(batch, height // window, width // window, window, window, channels)
    return grid.transpose(2, 3).reshape(shape)


def shift_mask(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """(number of windows, w*w, w*w): -100 between tokens that lie in one window only because the map was rolled."""
    rows, columns = (
        (torch.arange(size, device=device) >= size - window).int() + (torch.arange(size, device=device) >= size - shift)
        for size in (height, width)
    )
    regions = split_windows((3 * rows[:, None] + columns)[None, :, :, None], window).squeeze(-1)  # (n, w*w)
    return -100.0 * (regions[:, :, None] != regions[:, None, :])
