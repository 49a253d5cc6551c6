"""Depth Anything V2 metric, DINOv2 ViT-L/14, 334.1 M parameters; a dataset of another range sets max_depth."""

_base_ = "depth_anything_v2_vits.py"

model = dict(
    backbone=dict(size="vitl"),
    decode_head=dict(in_channels=1024, post_process_channels=[256, 512, 1024, 1024], channels=256),
)
