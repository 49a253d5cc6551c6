"""Depth Anything V2 (Yang et al. 2024) on DINOv2 ViT-S/14, fine-tuned to metres on KITTI, 24.7 M parameters.

Published for this backbone under ZoeDepth's head: abs_rel 0.053, rmse 2.235 (the paper's Tab. 4), none for this head.
Weights to begin with and recipe are those of depth_anything_v2_vits_nyu.py, crops and colours those of every method on
KITTI: the backbone takes their 352 rows as 350.
"""

_base_ = [
    "../_base_/models/depth_anything_v2_vits.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_poly_5e.py",
]

model = dict(max_depth=80)
pretrained = "pretrained/depth_anything_v2_vits.pth"
