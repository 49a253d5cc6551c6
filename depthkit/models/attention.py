"""Multi-scale deformable attention (Zhu et al. 2021, "Deformable DETR: Deformable Transformers for End-to-End Object
Detection"): each query reads a few points of every map, at places that it chooses itself.

Queries and values are tokens: maps, fine to coarse, each row by row, one behind the other.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

Size = tuple[int, int]
CHUNK = 4096  # queries whose samples are in memory at once


class DeformableAttention(nn.Module):
    """Section 4.1, eq. 3 of the paper, for `levels` maps."""

    def __init__(self, channels: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(channels, heads * levels * points * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * points)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As in appendix A.4: each head looks in a direction of its own, with equal weights."""
        nn.init.zeros_(self.sampling_offsets.weight)
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        angles = 2 * math.pi / self.heads * torch.arange(self.heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.points + 1)[:, None]
        offsets = (directions[:, None, None] * steps).expand(-1, self.levels, -1, -1)  # (heads, levels, points, x y)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.flatten())
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self, query: Tensor, reference: Tensor, value: Tensor, sizes: Sequence[Size]) -> Tensor:
        """Queries (B,Q,C), the points around which they look (B or 1,Q,2), x and y from 0 to 1 across every map, values
        (B,N,C) and the sizes of their maps -> (B,Q,C)."""
        shape = (self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(query).unflatten(-1, (*shape, 2))
        weights = self.attention_weights(query).unflatten(-1, (self.heads, -1)).softmax(-1).unflatten(-1, shape[1:])
        values = self.value_proj(value).unflatten(-1, (self.heads, -1))
        return self.output_proj(deformable_attention(values, sizes, reference, offsets, weights))


def deformable_attention(
    values: Tensor, sizes: Sequence[Size], reference: Tensor, offsets: Tensor, weights: Tensor
) -> Tensor:
    """Values (B,N,heads,c) of maps of `sizes`, points (B or 1,Q,2), x and y from 0 to 1, how many pixels of each map
    beside them to read (B,Q,heads,levels,points,2), and weights (B,Q,heads,levels,points) -> weighted sums
    (B,Q,heads*c). A place outside a map reads 0.

    Samples are many times as large as all else; they are made again for the gradient, a chunk at a time.
    """
    batch, count, heads = offsets.shape[:3]
    total = values.new_zeros(batch * heads, values.shape[-1], count)
    per_map = values.split([height * width for height, width in sizes], dim=1)
    for level, (tokens, size) in enumerate(zip(per_map, sizes, strict=True)):
        maps = tokens.permute(0, 2, 3, 1).reshape(batch * heads, -1, *size)
        right, down = offsets[:, :, :, level].unbind(-1)
        places = reference[:, :, None, None] + torch.stack([right / size[1], down / size[0]], dim=-1)
        grid = (2 * places - 1).transpose(1, 2).flatten(0, 1)  # (B*heads, Q, points, 2)
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)
        parts = zip(grid.split(CHUNK, dim=1), share.split(CHUNK, dim=1), strict=True)
        sums = [
            checkpoint(weighted_samples, maps, *part, use_reentrant=False, preserve_rng_state=False) for part in parts
        ]
        total = total + torch.cat(sums, dim=-1)
    return total.unflatten(0, (batch, heads)).permute(0, 3, 1, 2).flatten(2)


def weighted_samples(maps: Tensor, grid: Tensor, weights: Tensor) -> Tensor:
    """Maps (M,c,H,W), places (M,Q,points,2) from -1 to 1, weights (M,Q,points) -> (M,c,Q)."""
    samples = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return (samples * weights[:, None]).sum(-1)


def to_tokens(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B,C,H_i,W_i) -> tokens (B,N,C), one map behind the other."""
    return torch.cat([features.flatten(2) for features in maps], dim=2).transpose(1, 2)


def to_maps(tokens: Tensor, sizes: Sequence[Size]) -> list[Tensor]:
    """Undoes `to_tokens`."""
    per_map = tokens.split([height * width for height, width in sizes], dim=1)
    return [part.transpose(1, 2).unflatten(2, size) for part, size in zip(per_map, sizes, strict=True)]


def pixel_centres(sizes: Sequence[Size], device: torch.device) -> Tensor:
    """(1,N,2): x and y of each token's pixel, from 0 to 1 across its map."""
    centres = []
    for height, width in sizes:
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        centres.append(torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], dim=-1).flatten(0, 1))
    return torch.cat(centres)[None]


def sine_positions(size: Size, channels: int, device: torch.device, *, normalize: bool = False) -> Tensor:
    """(1,H*W,C): sines and cosines of each pixel's row in the first half of the channels, of its column in the second
    (Vaswani et al. 2017, "Attention Is All You Need", section 3.5; counted from 1, and C a multiple of 4). With
    `normalize`, rows and columns count up to 2 pi, whatever their number."""
    frequencies = 10_000.0 ** (-torch.arange(0, channels // 2, 2, device=device) / (channels // 2))
    halves = []
    for length in size:
        unit = 2 * math.pi / (length + 1e-6) if normalize else 1.0
        angles = unit * torch.arange(1, length + 1, device=device)[:, None] * frequencies
        halves.append(torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1))  # (length, C/2)
    rows, columns = halves
    both = [rows[:, None].expand(-1, size[1], -1), columns[None].expand(size[0], -1, -1)]
    return torch.cat(both, dim=-1).flatten(0, 1)[None]
