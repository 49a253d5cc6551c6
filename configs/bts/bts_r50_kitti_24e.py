"""BTS (Lee et al. 2019) on ResNet-50 for KITTI, 47.5 M parameters.

Published: abs_rel 0.059, rmse 2.50 (the toolbox's configs/bts/README.md, with flip).
"""

_base_ = [
    "../_base_/models/bts_r50.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=80)
pretrained = "torchvision"
