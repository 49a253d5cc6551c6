"""Depth Anything V2 metric, DINOv2 ViT-B/14, 97.2 M parameters; a dataset of another range sets max_depth."""

_base_ = "depth_anything_v2_vits.py"

model = dict(
    backbone=dict(size="vitb"),
    decode_head=dict(in_channels=768, post_process_channels=[96, 192, 384, 768], channels=128),
)
