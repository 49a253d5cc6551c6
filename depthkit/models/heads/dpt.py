"""DPT's decoder (Ranftl et al. 2021, "Vision Transformers for Dense Prediction"): a transformer's maps -> depth."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.models.layers import DepthRange, init_above_zero, resize
from depthkit.registry import MODELS


@MODELS.register
class DPTHead(nn.Module):
    """Reads the class token into every patch ("projection" in the paper, sec. 3), decodes, and takes ReLU plus
    min_depth as depth."""

    def __init__(
        self,
        in_channels: int,
        post_process_channels: Sequence[int] = (96, 192, 384, 768),
        channels: int = 256,
    ) -> None:
        """`in_channels` of each of the four maps, half of them the class token's; `post_process_channels` of the maps
        after reassembling, fine to coarse; `channels` of all maps while they are fused."""
        super().__init__()
        self.readouts = nn.ModuleList(nn.Linear(in_channels, in_channels // 2) for _ in post_process_channels)
        self.decoder = Decoder(in_channels // 2, post_process_channels, channels, bias=False)
        self.project = nn.Conv2d(channels, channels, 3, padding=1)
        self.output = Output(channels)
        init_above_zero(self.output.conv_depth)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Four maps (B, C, h, w) -> "depth" (B, 1, 16h, 16w), metres; no intrinsics needed."""
        read = []
        for readout, both in zip(self.readouts, features, strict=True):
            read.append(F.gelu(readout(both.permute(0, 2, 3, 1))).permute(0, 3, 1, 2))
        fused = F.relu(self.project(self.decoder(read)))
        height, width = features[0].shape[-2:]
        return {"depth": depth_range[0] + self.output(fused, (16 * height, 16 * width)).float().relu()}


class Decoder(nn.Module):
    """Reassembles four maps of one size into a pyramid, strides 4 to 32 for patches of 16, and fuses it from the coarse
    end (sec. 3, fig. 1)."""

    def __init__(self, in_channels: int, post_process_channels: Sequence[int], channels: int, bias: bool) -> None:
        """`bias` of the convolutions in the residual units."""
        super().__init__()
        if len(post_process_channels) != 4:
            raise ValueError(f"decode_head.post_process_channels is {post_process_channels}; give four, fine to coarse")
        first, second, _, fourth = post_process_channels
        self.projects = nn.ModuleList(nn.Conv2d(in_channels, size, 1) for size in post_process_channels)
        self.resizes = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, stride=4),
                nn.ConvTranspose2d(second, second, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(fourth, fourth, 3, stride=2, padding=1),
            ]
        )
        self.reduces = nn.ModuleList(
            nn.Conv2d(size, channels, 3, padding=1, bias=False) for size in post_process_channels
        )
        self.fusions = nn.ModuleList(Fusion(channels, bias, has_skip=level < 3) for level in range(4))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Four maps (B, C_in, h, w) -> (B, C, 8h, 8w)."""
        levels = []
        for features, project, resample, reduce in zip(maps, self.projects, self.resizes, self.reduces, strict=True):
            levels.append(reduce(resample(project(features))))
        height, width = levels[0].shape[-2:]
        # to the next level's size, not by 2: that is not the same where a side has an odd number of patches
        sizes = [(2 * height, 2 * width), *(level.shape[-2:] for level in levels[:3])]
        fused = self.fusions[3](levels[3], None, sizes[3])
        for level in (2, 1, 0):
            fused = self.fusions[level](fused, levels[level], sizes[level])
        return fused


class Fusion(nn.Module):
    """Adds a level of the pyramid to what comes from the coarser ones, and enlarges the sum."""

    def __init__(self, channels: int, bias: bool, has_skip: bool) -> None:
        super().__init__()
        if has_skip:  # the coarsest level is where it begins: it has nothing to be added to
            self.skip_unit = ResidualUnit(channels, bias)
        self.unit = ResidualUnit(channels, bias)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, fused: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        if skip is not None:
            fused = fused + self.skip_unit(skip)
        # the paper projects what is enlarged: the same numbers, since both are linear, at four times the cost
        return resize(self.project(self.unit(fused)), size)


class ResidualUnit(nn.Module):
    """Two convolutions beside a shortcut, each after a ReLU."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.conv_b = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.conv_b(F.relu(self.conv_a(F.relu(maps))))


class Output(nn.Module):
    """Enlarges the fused map to the image's size, and makes one number of each pixel's channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.conv_b = nn.Conv2d(channels // 2, 32, 3, padding=1)
        self.conv_depth = nn.Conv2d(32, 1, 1)

    def forward(self, fused: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, C, h, w) -> (B, 1, H, W) for a `size` of (H, W)."""
        enlarged = resize(self.conv_a(fused), size)
        return self.conv_depth(F.relu(self.conv_b(enlarged)))
