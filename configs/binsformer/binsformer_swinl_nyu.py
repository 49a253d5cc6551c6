"""BinsFormer (Li et al. 2022) on Swin-L for NYU Depth V2, 254.6 M parameters.

Published: abs_rel 0.094, rmse 0.330 (the toolbox's configs/binsformer/README.md, with flip).
It begins with the Swin's weights for ImageNet-22k (MIT), which have to be fetched first:
github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_large_patch4_window7_224_22k.pth
"""

_base_ = [
    "../_base_/models/binsformer_swinl.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_38400i.py",
]

pretrained = "pretrained/swin_large_patch4_window7_224_22k.pth"
data = dict(train=dict(num_classes=25))
