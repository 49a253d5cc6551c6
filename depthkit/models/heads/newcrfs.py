"""NeWCRFs (Yuan et al. 2022, "NeW CRFs: Neural Window Fully-connected CRFs for Monocular Depth Estimation")."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import SwinTransformerBlock

from depthkit.models.layers import DepthRange, init_above_zero
from depthkit.models.windows import WindowAttention, init_linear
from depthkit.registry import MODELS


@MODELS.register
class NeWCRFsHead(nn.Module):
    """From coarse to fine, a map of the backbone says how alike pixels are, and what was predicted so far is passed
    between pixels that are (section 3.3)."""

    def __init__(
        self,
        in_channels: Sequence[int],
        crf_channels: Sequence[int] = (128, 256, 512, 1024),
        context_channels: int = 512,
        window_size: int = 7,
    ) -> None:
        """`in_channels` and `crf_channels` of four maps, fine to coarse, each with 32 channels a head; of the fifth map
        `context_channels`, with which the coarsest begins."""
        super().__init__()
        carried = [*(channels // 4 for channels in crf_channels[1:]), context_channels]
        self.crfs = nn.ModuleList(
            WindowCRF(*channels, window_size) for channels in zip(in_channels, carried, crf_channels, strict=True)
        )
        self.conv_depth = nn.Conv2d(crf_channels[0], 1, 3, padding=1)
        init_above_zero(self.conv_depth)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Five maps (B, C_i, H/s_i, W/s_i), fine to coarse -> "depth" (B, 1, 4H/s_0, 4W/s_0), metres; no intrinsics
        needed."""
        *maps, state = features
        for level in reversed(range(len(maps))):
            state = self.crfs[level](maps[level], state)
            if level > 0:
                state = F.pixel_shuffle(state, 2)
        depth = self.conv_depth(state).float().relu() + depth_range[0]
        return {"depth": F.interpolate(depth, scale_factor=4, mode="bilinear")}


class WindowCRF(nn.Module):
    """One step of inference in a fully connected CRF inside windows, and one in shifted windows."""

    def __init__(self, in_channels: int, state_channels: int, channels: int, window_size: int) -> None:
        super().__init__()
        self.proj_x = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.proj_v = nn.Conv2d(state_channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            CRFBlock(
                channels,
                channels // 32,
                window_size=[window_size] * 2,
                shift_size=[shift] * 2,
                norm_layer=nn.LayerNorm,
                attn_layer=CRFAttention,
            )
            for shift in (0, window_size // 2)
        )
        self.norm = nn.LayerNorm(channels)
        self.apply(init_linear)

    def forward(self, features: Tensor, state: Tensor) -> Tensor:
        """A map (B, C_in, H, W), and what was predicted so far, of its size or one pixel larger -> (B, C, H, W)."""
        height, width = features.shape[-2:]
        state = self.proj_v(state[..., :height, :width]).permute(0, 2, 3, 1)
        tokens = self.proj_x(features).permute(0, 2, 3, 1)
        for block in self.blocks:
            tokens = block(tokens, state)
        return self.norm(tokens).permute(0, 3, 1, 2).contiguous()


class CRFBlock(SwinTransformerBlock):
    """Swin's block, but what passes between tokens is given, not their own."""

    def forward(self, tokens: Tensor, state: Tensor) -> Tensor:
        """(B, H, W, C) twice -> (B, H, W, C)."""
        tokens = tokens + self.attn(self.norm1(tokens), state)
        return tokens + self.mlp(self.norm2(tokens))


class CRFAttention(WindowAttention):
    """Queries and keys of the tokens, values that are given: the pairwise potential of eq. 6 and 7."""

    def __init__(self, dim: int, *args, **kwargs) -> None:
        super().__init__(dim, *args, **kwargs)
        del self.qkv
        self.qk = nn.Linear(dim, 2 * dim)

    def forward(self, tokens: Tensor, state: Tensor) -> Tensor:
        """(B, H, W, C) twice -> (B, H, W, C)."""

        def to_qkv(both: Tensor) -> Tensor:
            of_tokens, of_state = both.chunk(2, dim=-1)
            return torch.cat([self.qk(of_tokens), of_state], dim=-1)

        return self.proj(self.attend(torch.cat([tokens, state], dim=-1), to_qkv))
