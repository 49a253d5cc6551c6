"""EfficientNet-B5 (Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"):
torchvision's, padded as TensorFlow does, for the weights that were trained there."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import EfficientNet_B5_Weights, efficientnet_b5

from depthkit.registry import MODELS


@MODELS.register
class EfficientNet(nn.Module):
    """Five maps at strides 2 to 32, of `channels`: behind stages 1, 2, 3, 5 and the head's convolution, as AdaBins has
    them. What follows that convolution is left out."""

    channels = (24, 40, 64, 176, 2048)

    def __init__(self) -> None:
        super().__init__()
        net = efficientnet_b5(weights=None, stochastic_depth_prob=0.0).features
        self.stem, self.blocks, self.head = net[0], nn.Sequential(*net[1:8]), net[8][0]
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.__class__ = SameConv2d  # the same weights, another forward

    def published_weights(self) -> dict[str, Tensor]:
        """torchvision's weights for ImageNet-1k, fetched unless they are cached; they expect other padding."""
        return EfficientNet_B5_Weights.DEFAULT.get_state_dict(check_hash=True, weights_only=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, C_i, H/s_i, W/s_i), rounded up, fine to coarse."""
        features, maps = self.stem(image), []
        for stage, blocks in enumerate(self.blocks):
            features = blocks(features)
            if stage in (0, 1, 2, 4):
                maps.append(features)
        return [*maps, self.head(features)]


class SameConv2d(nn.Conv2d):
    """A convolution padded to the size of its input by its stride, rounded up, with the odd pixel behind."""

    def forward(self, features: Tensor) -> Tensor:
        pads = []
        for length, kernel, stride in zip(features.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            pads += [missing // 2, missing - missing // 2]
        padded = F.pad(features, pads)
        return torch.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
