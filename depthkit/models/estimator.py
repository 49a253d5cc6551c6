"""The depth model: backbone, neck and head, from bytes to metres."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthkit.registry import MODELS

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register
class DepthEstimator(nn.Module):
    """Normalises images itself, so that a checkpoint knows its own preprocessing, and keeps depth in a metric range.

    `mean` and `std` are per channel R, G, B on the 0..255 scale, those of ImageNet by default.
    """

    def __init__(
        self,
        backbone: nn.Module,
        decode_head: nn.Module,
        neck: nn.Module | None = None,
        *,
        min_depth: float = 1e-3,
        max_depth: float,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        if not 0 < min_depth < max_depth:
            raise ValueError(f"the model's depth range is {min_depth} to {max_depth} m; use 0 < min_depth < max_depth")
        if len(mean) != 3 or len(std) != 3:
            raise ValueError(f"the model's mean is {mean} and std is {std}; give three numbers each, for R, G, B")
        self.backbone = backbone
        self.neck = neck or nn.Identity()
        self.decode_head = decode_head
        self.min_depth = min_depth
        self.max_depth = max_depth
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        """Images uint8 (B,3,H,W) RGB, intrinsics float32 (B,3,3) where the head needs them -> "depth" (B,1,h,w), metres
        in [min_depth, max_depth], at the size the head works at, and whatever else the head returns for its losses."""
        if image.dtype != torch.uint8 or image.dim() != 4 or image.shape[1] != 3:
            raise ValueError(f"images must be uint8 (B, 3, H, W), but are {image.dtype} {tuple(image.shape)}")
        return self.predict((image - self.mean) / self.std, intrinsics)

    def predict(self, normalised: Tensor, intrinsics: Tensor | None = None) -> dict[str, Tensor]:
        """The same for images that are normalised already, float32 (B,3,H,W)."""
        features = self.neck(self.backbone(normalised))
        outputs = self.decode_head(features, (self.min_depth, self.max_depth), intrinsics)
        depth = outputs["depth"]
        clamped = depth.detach().clamp(self.min_depth, self.max_depth)
        # adds 0, and passes every gradient: clamp alone has none outside the range, so depths would stay out there
        return outputs | {"depth": clamped + (depth - depth.detach())}
