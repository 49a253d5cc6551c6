"""The metric head of Depth Anything V2 (Yang et al. 2024, "Depth Anything V2", sec. 7.1 of its paper and its code)."""

from collections.abc import Sequence

from torch import Tensor, nn

from depthkit.models.heads.dpt import Decoder, Output
from depthkit.models.layers import DepthRange
from depthkit.registry import MODELS


@MODELS.register
class DepthAnythingHead(nn.Module):
    """DPT's decoder on the patches alone, without the class token, and a sigmoid times max_depth as depth."""

    def __init__(self, in_channels: int, post_process_channels: Sequence[int], channels: int) -> None:
        """`in_channels` of each of the four maps; `post_process_channels` of the maps after reassembling, fine to
        coarse; `channels` of all maps while they are fused."""
        super().__init__()
        self.decoder = Decoder(in_channels, post_process_channels, channels, bias=True)
        self.output = Output(channels)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Four maps (B, C, h, w) -> "depth" (B, 1, 14h, 14w), metres; no intrinsics needed."""
        height, width = features[0].shape[-2:]
        numbers = self.output(self.decoder(features), (14 * height, 14 * width)).float()
        return {"depth": depth_range[1] * numbers.sigmoid()}
