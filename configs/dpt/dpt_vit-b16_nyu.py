"""DPT (Ranftl et al. 2021) on ViT-B/16 for NYU Depth V2, 110.0 M parameters.

Published: abs_rel 0.135, rmse 0.413 (the toolbox's configs/dpt/README.md, with flip).
It begins with timm's ViT, trained on ImageNet (Apache-2.0), which has to be fetched first:
github.com/rwightman/pytorch-image-models/releases/download/v0.1-vitjx/jx_vit_base_p16_224-80ecf9dd.pth
pretrained="torchvision" needs no file, but those weights expect the default mean and std.
The published config asks for a tenth of the rate in the backbone and for no decay of norms. Neither took effect: its
policy gave one rate to all, and no norm's name held "norm". What ran is set here.
"""

_base_ = [
    "../_base_/models/dpt_vit-b16.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_vit_24e.py",
]

pretrained = "pretrained/jx_vit_base_p16_224-80ecf9dd.pth"
