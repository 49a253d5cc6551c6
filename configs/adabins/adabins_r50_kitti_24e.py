"""AdaBins (Bhat et al. 2021) on ResNet-50 for KITTI, 83.8 M parameters.

Published: nothing for this backbone.
"""

_base_ = [
    "../_base_/models/adabins_r50.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=80)
pretrained = "torchvision"
SyncBN = True
