"""AdaBins (Bhat et al. 2021) on ResNet-50 for NYU Depth V2, 83.8 M parameters.

Published: abs_rel 0.141, rmse 0.451 (the toolbox's configs/adabins/README.md, with flip).
"""

_base_ = [
    "../_base_/models/adabins_r50.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = "torchvision"
SyncBN = True
