"""Attention inside windows, of torchvision's parts: Liu et al. 2021, "Hierarchical Vision Transformer using Shifted
Windows", section 3.2."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import ShiftedWindowAttention


class WindowAttention(ShiftedWindowAttention):
    """torchvision's attention inside shifted windows, but shifted on maps of any size, as the authors' code does."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> the same shape."""
        return self.proj(self.attend(tokens, self.qkv))

    def attend(self, tokens: Tensor, to_qkv: Callable[[Tensor], Tensor]) -> Tensor:
        """(B, H, W, D) -> (B, H, W, C): for each token a mean over its window, in each of the heads.

        `to_qkv` takes (..., D) to queries, keys and values (..., 3C); where windows reach over the map's edge, it gets
        zeros.
        """
        height, width = tokens.shape[1:3]
        window, shift = self.window_size[0], self.shift_size[0]
        padded = F.pad(tokens, (0, 0, 0, -width % window, 0, -height % window))
        windows = split_windows(padded.roll((-shift, -shift), (1, 2)), window)  # (B*n, w*w, D)
        bias = self.get_relative_position_bias()  # (1, heads, w*w, w*w)
        if shift:
            batch = len(tokens)
            bias = bias + shift_mask(*padded.shape[1:3], window, shift, tokens.device).repeat(batch, 1, 1)[:, None]
        qkv = to_qkv(windows).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*qkv, attn_mask=bias.expand(len(windows), -1, -1, -1))
        merged = join_windows(attended.transpose(1, 2).flatten(2), padded.shape[:3], window)
        return merged.roll((shift, shift), (1, 2))[:, :height, :width].contiguous()


def split_windows(tokens: Tensor, window: int) -> Tensor:
    """(B, H, W, C) -> (B * number of windows, window * window, C)."""
    grid = tokens.unflatten(2, (-1, window)).unflatten(1, (-1, window))  # (B, H/w, w, W/w, w, C)
    return grid.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def join_windows(windows: Tensor, shape: torch.Size, window: int) -> Tensor:
    """Undoes `split_windows`; `shape` is the (B, H, W) to return to."""
    batch, height, width = shape
    grid = windows.view(batch, height // window, width // window, window, window, -1)
    return grid.transpose(2, 3).reshape(batch, height, width, -1)


def shift_mask(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """(number of windows, w*w, w*w): -100 between tokens that lie in one window only because the map was rolled."""
    rows, columns = (
        (torch.arange(size, device=device) >= size - window).int() + (torch.arange(size, device=device) >= size - shift)
        for size in (height, width)
    )
    regions = split_windows((3 * rows[:, None] + columns)[None, :, :, None], window).squeeze(-1)  # (n, w*w)
    return -100.0 * (regions[:, :, None] != regions[:, None, :])


def init_linear(module: nn.Module) -> None:
    """How the linear layers of a Swin begin in the authors' code and in torchvision."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
