"""Depth Anything V2 (Yang et al. 2024) on DINOv2 ViT-L/14, fine-tuned to metres on KITTI, 334.1 M parameters.

Published for this backbone under ZoeDepth's head: abs_rel 0.045, rmse 1.861 (the paper's Tab. 4), none for this head.
Weights to begin with and recipe are those of depth_anything_v2_vitl_nyu.py, crops and colours those of every method on
KITTI: the backbone takes their 352 rows as 350.
"""

_base_ = [
    "../_base_/models/depth_anything_v2_vitl.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_poly_5e.py",
]

model = dict(max_depth=80)
pretrained = "pretrained/depth_anything_v2_vitl.pth"
