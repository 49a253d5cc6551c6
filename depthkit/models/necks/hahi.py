"""Hierarchical aggregation and heterogeneous interaction, the neck of DepthFormer (Li et al. 2022, section 3.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthkit.models.attention import DeformableAttention, pixel_centres, sine_positions, to_maps, to_tokens
from depthkit.models.layers import ConvNorm
from depthkit.registry import MODELS

HEADS = 8


@MODELS.register
class HAHI(nn.Module):
    """The maps of a transformer look at each other, then the one of a convolution looks at them."""

    def __init__(self, in_channels: Sequence[int], embedding_dim: int = 256, num_points: int = 8) -> None:
        """`in_channels` of the convolution's map and those of the transformer's, fine to coarse, which stay as they
        are; attention works on `embedding_dim` channels and reads `num_points` of each map in each head."""
        super().__init__()
        conv, *trans = in_channels
        levels = len(trans)
        self.lateral_convs = nn.ModuleList(ConvNorm(channels, channels, 1) for channels in in_channels)
        self.trans_proj = nn.ModuleList(ConvNorm(channels, embedding_dim, 1) for channels in trans)
        self.conv_proj = ConvNorm(conv, embedding_dim, 1)
        self.trans_fusion = nn.ModuleList(ConvNorm(channels + embedding_dim, channels, 3) for channels in trans)
        self.conv_fusion = ConvNorm(conv + embedding_dim, conv, 3)
        self.level_embed = nn.Parameter(torch.randn(levels, embedding_dim))
        self.reference_points = nn.Linear(embedding_dim, 2)
        self.self_attn = DeformableAttention(embedding_dim, HEADS, levels, num_points)
        self.multi_att = DeformableAttention(embedding_dim, HEADS, levels, num_points)
        self.dropout = nn.Dropout(0.1)
        nn.init.xavier_uniform_(self.reference_points.weight)
        nn.init.zeros_(self.reference_points.bias)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps (B, C_i, H_i, W_i) -> maps of the same sizes."""
        conv, *trans = (project(features[level]) for level, project in enumerate(self.lateral_convs))
        sizes = [tuple(features.shape[-2:]) for features in trans]
        device, channels = conv.device, self.level_embed.shape[1]

        tokens = to_tokens([project(features) for project, features in zip(self.trans_proj, trans, strict=True)])
        per_level = zip(sizes, self.level_embed, strict=True)
        positions = torch.cat([sine_positions(size, channels, device) + level for size, level in per_level], dim=1)
        attended = self.self_attn(tokens + positions, pixel_centres(sizes, device), tokens, sizes)
        tokens = tokens + self.dropout(attended)

        size = tuple(conv.shape[-2:])
        queries, positions = to_tokens([self.conv_proj(conv)]), sine_positions(size, channels, device)
        places = self.reference_points(positions).sigmoid()
        queries = queries + self.dropout(self.multi_att(queries + positions, places, tokens, sizes))

        fused = [self.conv_fusion(torch.cat([*to_maps(queries, [size]), conv], dim=1))]
        for fusion, features, seen in zip(self.trans_fusion, trans, to_maps(tokens, sizes), strict=True):
            fused.append(fusion(torch.cat([features, seen], dim=1)))
        return fused
