"""BinsFormer (Li et al. 2022) on Swin-T for NYU Depth V2, 49.2 M parameters.

Published: abs_rel 0.113, rmse 0.379 (the toolbox's configs/binsformer/README.md, with flip).
"""

_base_ = [
    "../_base_/models/binsformer_swint.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_38400i.py",
]

pretrained = "torchvision"
data = dict(train=dict(num_classes=25))
