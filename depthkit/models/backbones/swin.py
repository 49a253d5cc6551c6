"""Swin Transformer (Liu et al. 2021, "Hierarchical Vision Transformer using Shifted Windows"), of torchvision's blocks.

Two details follow the toolbox, whose numbers this meets: windows are shifted on small maps too, where torchvision
stops, and each of the four maps has a norm of its own.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model_weights
from torchvision.models.swin_transformer import PatchMerging, SwinTransformerBlock

from depthkit.models.windows import WindowAttention, init_linear
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
        self.apply(init_linear)

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
