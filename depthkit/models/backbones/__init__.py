"""Backbones: normalised images (B,3,H,W) -> maps, fine to coarse. One file a paper."""

from depthkit.models.backbones import depthformer, dinov2, efficientnet, resnet, swin, vit  # noqa: F401
