"""AdaBins (Bhat et al. 2021, "AdaBins: Depth Estimation Using Adaptive Bins")."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.models.layers import DepthRange, depth_of_bins, resize
from depthkit.registry import MODELS

NUM_POSITIONS = 500  # that are learnt


@MODELS.register
class AdabinsHead(nn.Module):
    """A decoder of convolutions, and a small transformer on its output that divides each image's range of depth into
    bins; a pixel's depth is the mean of their centres under its probabilities (section 3)."""

    def __init__(
        self, in_channels: Sequence[int], channels: Sequence[int], embedding_dim: int = 128, num_bins: int = 256
    ) -> None:
        """`in_channels` and `channels` of each map before and after its step of the decoder, fine to coarse."""
        super().__init__()
        if len(in_channels) != len(channels):
            raise ValueError(f"decode_head.in_channels {in_channels} and channels {channels} differ in length")
        self.project = nn.Conv2d(in_channels[-1], channels[-1], 1)
        self.steps = nn.ModuleList(
            NormedUpStep(channels[level + 1] + in_channels[level], channels[level])
            for level in reversed(range(len(in_channels) - 1))
        )
        self.final = nn.Conv2d(channels[0], embedding_dim, 3, padding=1)
        self.bins = MiniViT(embedding_dim, num_bins)
        self.probabilities = nn.Conv2d(self.bins.NUM_QUERIES, num_bins, 1)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Maps (B, C_i, H/s_i, W/s_i), fine to coarse -> "depth" (B, 1, H/s_0, W/s_0) and the edges of the bins
        "bin_edges" (B, K+1), both in metres; no intrinsics needed."""
        decoded = self.project(features[-1])
        for step, skip in zip(self.steps, reversed(features[:-1]), strict=True):
            decoded = step(decoded, skip)
        widths, attention = self.bins(self.final(decoded))
        weights = self.probabilities(attention).float().softmax(dim=1)
        return depth_of_bins(widths.float(), weights, depth_range)


class NormedUpStep(nn.Module):
    """Enlarges a coarse map to the size of a finer one, and merges the two by normalised convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm_a = nn.BatchNorm2d(out_channels)
        self.conv_b = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm_b = nn.BatchNorm2d(out_channels)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        joined = torch.cat([resize(coarse, skip.shape[-2:]), skip], dim=1)
        return F.relu(self.norm_b(self.conv_b(F.relu(self.norm_a(self.conv_a(joined))))))


class MiniViT(nn.Module):
    """A transformer on patches of a map (section 3.2): its first output gives the bins' widths, the next ones are held
    against every pixel."""

    PATCH, NUM_QUERIES = 16, 128

    def __init__(self, channels: int, num_bins: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, channels, self.PATCH, stride=self.PATCH)
        self.positions = nn.Parameter(torch.rand(NUM_POSITIONS, channels))
        layer = nn.TransformerEncoderLayer(channels, nhead=4, dim_feedforward=1024, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=4, enable_nested_tensor=False)
        self.pixels = nn.Conv2d(channels, channels, 3, padding=1)
        self.widths = nn.Sequential(
            nn.Linear(channels, 256), nn.LeakyReLU(), nn.Linear(256, 256), nn.LeakyReLU(), nn.Linear(256, num_bins)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B,C,H,W) -> widths of the bins (B,K) that sum to 1, and the attention of each query (B,128,H,W)."""
        tokens = self.embed(self.enlarge(features)).flatten(2).transpose(1, 2)
        encoded = self.encoder(tokens + self.positions_of(tokens.shape[1]))
        widths = self.widths(encoded[:, 0]).relu() + 0.1
        queries = encoded[:, 1 : self.NUM_QUERIES + 1]
        attention = torch.einsum("bchw,bqc->bqhw", self.pixels(features), queries)
        return widths / widths.sum(dim=1, keepdim=True), attention

    def enlarge(self, features: Tensor) -> Tensor:
        """The map as it is, or so large that it has a patch for each output that is read."""
        height, width = features.shape[-2:]
        rows, columns = height // self.PATCH, width // self.PATCH
        if rows * columns > self.NUM_QUERIES:
            return features
        rows = max(1, math.ceil(math.sqrt((self.NUM_QUERIES + 1) * height / width)))
        columns = math.ceil((self.NUM_QUERIES + 1) / rows)
        return resize(features, (rows * self.PATCH, columns * self.PATCH))

    def positions_of(self, count: int) -> Tensor:
        """(count, C): the first of those that are learnt, or where there are too few all of them, stretched."""
        if count <= NUM_POSITIONS:
            return self.positions[:count]
        return F.interpolate(self.positions.T[None], count, mode="linear", align_corners=True)[0].T
