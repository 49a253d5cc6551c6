"""DPT (Ranftl et al. 2021) on ViT-B/16 for KITTI, 110.0 M parameters.

Published: abs_rel 0.073, rmse 2.604 (the toolbox's configs/dpt/README.md, with flip). Weights to begin with and rates
are those of dpt_vit-b16_nyu.py.
"""

_base_ = [
    "../_base_/models/dpt_vit-b16.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_onecycle_vit_24e.py",
]

model = dict(max_depth=80)
pretrained = "pretrained/jx_vit_base_p16_224-80ecf9dd.pth"
