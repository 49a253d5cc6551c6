"""BTS (Lee et al. 2019) on ResNet-50 for NYU Depth V2, 47.5 M parameters.

Published: abs_rel 0.114, rmse 0.41 (the toolbox's configs/bts/README.md, with flip).
"""

_base_ = [
    "../_base_/models/bts_r50.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = "torchvision"
