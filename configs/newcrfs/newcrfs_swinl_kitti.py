"""NeWCRFs (Yuan et al. 2022) on Swin-L for KITTI, 270.4 M parameters.

Published: abs_rel 0.052, rmse 2.072 (the authors' README, by their own recipe; this is the toolbox's for NYU).
It begins with the Swin's weights for ImageNet-22k (MIT), which have to be fetched first:
github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_large_patch4_window7_224_22k.pth
"""

_base_ = [
    "../_base_/models/newcrfs_swinl.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_cosine_38400i.py",
]

model = dict(max_depth=80)
pretrained = "pretrained/swin_large_patch4_window7_224_22k.pth"
