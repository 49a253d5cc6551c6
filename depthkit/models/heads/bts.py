"""BTS (Lee et al. 2019, "From Big to Small: Multi-Scale Local Planar Guidance for Monocular Depth Estimation")."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.models.layers import DepthRange
from depthkit.registry import MODELS

DILATIONS = (3, 6, 12, 18, 24)


@MODELS.register
class BTSHead(nn.Module):
    """At three scales the decoder tells the plane that each patch of the image lies on, and goes on from the depths of
    the planes' pixels (section 3.3). The image's height and width must be multiples of 32."""

    def __init__(self, in_channels: Sequence[int], num_features: int = 512, channels: int = 32) -> None:
        """`in_channels` of five maps at strides 2 to 32; `num_features` after the first step, half as many after each
        further one; `channels` before the last convolution."""
        super().__init__()
        skip2, skip4, skip8, skip16, deepest = in_channels
        wide = [num_features // 2**step for step in range(5)]  # at strides 16, 8, 4, 2, 1
        self.up5, self.norm5 = UpConv(deepest, wide[0]), norm(wide[0])
        self.conv5 = conv(wide[0] + skip16, wide[0])
        self.up4, self.norm4 = UpConv(wide[0], wide[1]), norm(wide[1])
        self.conv4, self.norm4_2 = conv(wide[1] + skip8, wide[1]), norm(wide[1])
        inputs = [wide[1], *(wide[1] + skip8 + wide[2] * count for count in range(1, len(DILATIONS)))]
        self.aspp = nn.ModuleList(
            Dilated(count, wide[1], wide[2], dilation, first_norm=place > 0)
            for place, (count, dilation) in enumerate(zip(inputs, DILATIONS, strict=True))
        )
        self.aspp_conv = conv(wide[1] + wide[2] * len(DILATIONS), wide[2])
        self.planes8 = Reduction(wide[2], wide[2], "plane_params", 3)
        self.up3, self.norm3 = UpConv(wide[2], wide[2]), norm(wide[2])
        self.conv3 = conv(wide[2] + skip4 + 1, wide[2])
        self.planes4 = Reduction(wide[2], wide[3], "plane_params", 3)
        self.up2, self.norm2 = UpConv(wide[2], wide[3]), norm(wide[3])
        self.conv2 = conv(wide[3] + skip2 + 1, wide[3])
        self.planes2 = Reduction(wide[3], wide[4], "plane_params", 3)
        self.up1 = UpConv(wide[3], channels)
        self.planes1 = Reduction(channels, channels // 2, "final", 1)
        self.conv1 = conv(channels + 4, channels)
        self.conv_depth = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(
        self, features: list[Tensor], depth_range: DepthRange, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Five maps (B, C_i, H/s_i, W/s_i), fine to coarse -> "depth" (B, 1, H, W), metres; no intrinsics needed."""
        skip2, skip4, skip8, skip16, deepest = features
        if (deepest.shape[-2] * 16, deepest.shape[-1] * 16) != tuple(skip2.shape[-2:]):
            height, width = (2 * length for length in skip2.shape[-2:])
            raise ValueError(
                f"BTS needs images whose height and width are multiples of 32, but got about {height} x {width}: resize"
                " them by ResizeToMultiple in the dataset's pipeline, or by depthkit.infer's --short-side"
            )
        decoded = F.elu(self.conv5(torch.cat([self.norm5(self.up5(F.relu(deepest))), skip16], dim=1)))
        joined = torch.cat([self.norm4(self.up4(decoded)), skip8], dim=1)
        decoded = self.norm4_2(F.elu(self.conv4(joined)))
        context = [self.aspp[0](decoded)]
        for dilated in self.aspp[1:]:
            context.append(dilated(torch.cat([joined, *context], dim=1)))
        decoded = F.elu(self.aspp_conv(torch.cat([decoded, *context], dim=1)))

        plane8 = planar_depth(self.planes8(decoded), 8)
        joined = [self.norm3(self.up3(decoded)), skip4, F.interpolate(plane8, scale_factor=0.25)]
        decoded = F.elu(self.conv3(torch.cat(joined, dim=1)))
        plane4 = planar_depth(self.planes4(decoded), 4)
        joined = [self.norm2(self.up2(decoded)), skip2, F.interpolate(plane4, scale_factor=0.5)]
        decoded = F.elu(self.conv2(torch.cat(joined, dim=1)))
        plane2 = planar_depth(self.planes2(decoded), 2)
        decoded = self.up1(decoded)
        joined = [decoded, self.planes1(decoded).sigmoid(), plane2, plane4, plane8]
        decoded = F.elu(self.conv1(torch.cat(joined, dim=1)))
        return {"depth": depth_range[1] * self.conv_depth(decoded).float().sigmoid()}


def conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, momentum=0.01, eps=1.1e-5)


class UpConv(nn.Module):
    """Doubles the size of a map by repeating its pixels; a convolution; ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv(in_channels, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        return F.elu(self.conv(F.interpolate(features, scale_factor=2, mode="nearest")))


class Dilated(nn.Module):
    """One branch of the dense atrous pyramid (section 3.2)."""

    def __init__(self, in_channels: int, hidden: int, out_channels: int, dilation: int, first_norm: bool) -> None:
        super().__init__()
        self.first_norm = norm(in_channels) if first_norm else nn.Identity()
        self.reduce = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.norm = norm(hidden)
        self.dilated = nn.Conv2d(hidden, out_channels, 3, padding=dilation, dilation=dilation, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.norm(self.reduce(F.relu(self.first_norm(features))))
        return self.dilated(F.relu(reduced))


class Reduction(nn.ModuleDict):
    """1 x 1 convolutions that halve the channels down to 8, with ELU between them, and a last one called `last`."""

    def __init__(self, in_channels: int, first: int, last: str, out_channels: int) -> None:
        layers = {}
        while first >= 8:
            layers[f"{in_channels}_{first}"] = nn.Conv2d(in_channels, first, 1, bias=False)
            in_channels, first = first, first // 2
        super().__init__(layers | {last: nn.Conv2d(in_channels, out_channels, 1, bias=False)})

    def forward(self, features: Tensor) -> Tensor:
        *layers, last = self.values()
        for layer in layers:
            features = F.elu(layer(features))
        return last(features)


def planar_depth(numbers: Tensor, size: int) -> Tensor:
    """Three numbers for the plane of each patch (B,3,h,w) -> the depth of its pixels (B,1,size*h,size*w), in units of
    max_depth.

    Their sigmoids are the polar angle of the plane's normal, up to 60 degrees, its azimuth, and its distance (section
    3.3, eq. 2 and 3); a pixel's coordinates count from the middle of its patch, which is one unit wide.
    """
    of_pixels = F.interpolate(numbers.float().sigmoid(), scale_factor=size, mode="nearest")
    polar, azimuth, distance = of_pixels.split(1, dim=1)
    polar, azimuth = polar * (math.pi / 3), azimuth * (2 * math.pi)
    place = (torch.arange(size, device=numbers.device) - (size - 1) / 2) / size
    u, v = place.repeat(numbers.shape[-1]), place.repeat(numbers.shape[-2])[:, None]
    slope = polar.sin() * (azimuth.cos() * u + azimuth.sin() * v) + polar.cos()
    return distance / slope
