"""DepthFormer's encoder (Li et al. 2022, "DepthFormer: Exploiting Long-Range Correlation and Local Information for
Accurate Monocular Depth Estimation"): a Swin Transformer, and beside it a convolution that keeps the detail."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.models.backbones.swin import SwinTransformer
from depthkit.registry import MODELS


@MODELS.register
class DepthFormerSwin(SwinTransformer):
    """Five maps, of `channels`: one of 64 channels at stride 2 from the stem of a ResNet, then those of the Swin. It
    takes the arguments of SwinTransformer."""

    def __init__(self, **swin: Any) -> None:
        super().__init__(**swin)
        self.channels = [64, *self.channels]
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, C_i, H/s_i, W/s_i), rounded up, fine to coarse."""
        return [F.relu(self.bn1(self.conv1(image))), *super().forward(image)]
