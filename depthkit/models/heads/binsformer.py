"""BinsFormer (Li et al. 2022, "BinsFormer: Revisiting Adaptive Bins for Monocular Depth Estimation")."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthkit.models.attention import DeformableAttention, pixel_centres, sine_positions, to_maps, to_tokens
from depthkit.models.layers import ConvNorm, DepthRange, depth_of_bins, resize
from depthkit.registry import MODELS

HEADS, POINTS = 8, 8
SLOPE = 0.01  # of leaky ReLUs


@MODELS.register
class BinsFormerHead(nn.Module):
    """Queries look at maps and become bins: each tells its width, and how near to it every pixel is. A pixel's depth is
    the mean of the bins' centres under its probabilities (section 3.2)."""

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 256,
        num_bins: int = 64,
        num_classes: int = 0,
        aux_layers: Sequence[int] = (2, 5),
        ffn_dropout: float = 0.1,
    ) -> None:
        """`in_channels` of four maps. With `num_classes` one query more tells the kind of scene (section 3.3); losses
        see what the decoder's `aux_layers` of nine predict, too. `ffn_dropout` is that of the encoder's feed-forward
        layers."""
        super().__init__()
        coarser = in_channels[1:]
        self.skip_proj = nn.ModuleList(ConvNorm(count, channels, 1, negative_slope=SLOPE) for count in coarser)
        self.encoder = DeformableEncoder(channels, len(coarser), ffn_dropout)
        fused = [*reversed(in_channels[:-1])]  # the pixel decoder goes from coarse to fine
        self.lateral_convs = nn.ModuleList(ConvNorm(count, channels, 1) for count in fused)
        self.output_convs = nn.ModuleList(ConvNorm(channels, channels, 3, negative_slope=SLOPE) for _ in fused)
        self.decoder = QueryDecoder(channels, num_bins, num_classes, len(coarser))
        self.aux_layers = tuple(aux_layers)
        self.apply(init_xavier)
        for module in self.modules():
            if isinstance(module, DeformableAttention):
                module.reset_parameters()

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Maps (B, C_i, H/s_i, W/s_i), fine to coarse -> "depth" (B, 1, H/s_0, W/s_0) and the edges of the bins
        "bin_edges" (B, K+1), both in metres; with classes "class_logits" (B, num_classes); the same of earlier layers
        in "layers", by number. No intrinsics needed."""
        attended = self.encoder([project(maps) for project, maps in zip(self.skip_proj, features[1:], strict=True)])
        pixels = attended[0]
        for lateral, output, maps in zip(self.lateral_convs, self.output_convs, reversed(features[:-1]), strict=True):
            skip = lateral(maps)
            pixels = output(skip + resize(pixels, skip.shape[-2:]))

        states = self.decoder(list(reversed(attended)))
        of_layer = {layer: self.decoder.predict(states[layer], pixels, depth_range) for layer in self.aux_layers}
        return {**self.decoder.predict(states[-1], pixels, depth_range), "layers": of_layer}


class DeformableEncoder(nn.Module):
    """Six layers in which the pixels of all maps look at each other."""

    def __init__(self, channels: int, levels: int, ffn_dropout: float) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(levels, channels))
        self.layers = nn.ModuleList(DeformableLayer(channels, levels, ffn_dropout) for _ in range(6))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, C, H_i, W_i) -> maps of the same sizes."""
        sizes = [tuple(features.shape[-2:]) for features in maps]
        positions = level_positions(sizes, self.level_embed)
        tokens, centres = to_tokens(maps), pixel_centres(sizes, maps[0].device)
        for layer in self.layers:
            tokens = layer(tokens, torch.cat(positions, dim=1), centres, sizes)
        return to_maps(tokens, sizes)


class DeformableLayer(nn.Module):
    def __init__(self, channels: int, levels: int, ffn_dropout: float) -> None:
        super().__init__()
        self.attention = DeformableAttention(channels, HEADS, levels, POINTS)
        self.dropout = nn.Dropout(0.1)
        self.ffn = feed_forward(channels, 1024, ffn_dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(self, tokens: Tensor, positions: Tensor, centres: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
        seen = self.attention(tokens + positions, centres, tokens, sizes)
        tokens = self.norms[0](tokens + self.dropout(seen))
        return self.norms[1](tokens + self.ffn(tokens))


class QueryDecoder(nn.Module):
    """Nine layers in which queries look at one map, three layers a map, coarse to fine, and at each other."""

    LAYERS = 9

    def __init__(self, channels: int, num_bins: int, num_classes: int, levels: int) -> None:
        super().__init__()
        queries = num_bins + (num_classes > 0)
        # named as in the toolbox, which begins with query_embed and takes query_feat for the positions
        self.query_feat = nn.Embedding(queries, channels)
        self.query_embed = nn.Embedding(queries, channels)
        self.level_embed = nn.Embedding(levels, channels)
        self.layers = nn.ModuleList(QueryLayer(channels) for _ in range(self.LAYERS))
        self.norm = nn.LayerNorm(channels)
        self.bins_embed = nn.Linear(channels, 1)
        self.mask_embed = three_layers(channels, channels)
        self.class_embed = three_layers(channels, num_classes) if num_classes else None

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, C, H_i, W_i), coarse to fine -> the queries (B, Q, C) after each layer."""
        sizes = [tuple(features.shape[-2:]) for features in maps]
        positions = level_positions(sizes, self.level_embed.weight)
        tokens = [to_tokens([features]) for features in maps]
        own = self.query_feat.weight
        queries, states = self.query_embed.weight.expand(len(maps[0]), -1, -1), []
        for number, layer in enumerate(self.layers):
            level = number * len(maps) // self.LAYERS
            queries = layer(queries, own, tokens[level], positions[level])
            states.append(queries)
        return states

    def predict(self, queries: Tensor, pixels: Tensor, depth_range: DepthRange) -> dict[str, Tensor]:
        """Queries (B, Q, C) and a map (B, C, h, w) -> what the head returns of one layer."""
        queries = self.norm(queries)
        outputs = {}
        if self.class_embed is not None:
            outputs["class_logits"] = self.class_embed(queries[:, 0])
            queries = queries[:, 1:]
        widths = self.bins_embed(queries)[..., 0].float().softmax(dim=1)
        weights = torch.einsum("bqc,bchw->bqhw", self.mask_embed(queries), pixels).float().softmax(dim=1)
        return outputs | depth_of_bins(widths, weights, depth_range)


class QueryLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.own = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.ffn = feed_forward(channels, 2048, dropout=0.0)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(self, queries: Tensor, own: Tensor, tokens: Tensor, positions: Tensor) -> Tensor:
        """Queries (B,Q,C) and their positions (Q,C), tokens (B,N,C) and theirs (1,N,C) -> queries (B,Q,C)."""
        seen, _ = self.cross(queries + own, tokens + positions, tokens, need_weights=False)
        queries = self.norms[0](queries + seen)
        seen, _ = self.own(queries + own, queries + own, queries, need_weights=False)
        queries = self.norms[1](queries + seen)
        return self.norms[2](queries + self.ffn(queries))


def level_positions(sizes: Sequence[tuple[int, int]], level_embed: Tensor) -> list[Tensor]:
    """What tells a map's tokens their places, (1,H_i*W_i,C), alike for maps of all sizes, and tells maps apart."""
    channels, device = level_embed.shape[1], level_embed.device
    per_level = zip(sizes, level_embed, strict=True)
    return [sine_positions(size, channels, device, normalize=True) + embed for size, embed in per_level]


def feed_forward(channels: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, channels), nn.Dropout(dropout)
    )


def three_layers(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels, channels),
        nn.ReLU(),
        nn.Linear(channels, channels),
        nn.ReLU(),
        nn.Linear(channels, out_channels),
    )


def init_xavier(module: nn.Module) -> None:
    """As in the toolbox, every matrix begins by Xavier's uniform rule, those of attention and of queries too."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dim() > 1 and name != "level_embed":
            nn.init.xavier_uniform_(parameter)
