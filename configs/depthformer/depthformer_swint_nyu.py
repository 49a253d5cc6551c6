"""DepthFormer (Li et al. 2022) on Swin-T for NYU Depth V2, 47.6 M parameters.

Published: abs_rel 0.120, rmse 0.402 (the toolbox's configs/depthformer/README.md, with flip).
"""

_base_ = [
    "../_base_/models/depthformer_swint.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_cosine_38400i.py",
]

pretrained = "torchvision"
optimizer = dict(lr=6e-5)
