"""Backbones: normalised images (B,3,H,W) -> maps, fine to coarse. One file a paper."""

from depthkit.models.backbones import dinov2, resnet, swin, vit  # noqa: F401
