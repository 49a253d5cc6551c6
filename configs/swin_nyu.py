"""Swin-T with a DenseDepth decoder on NYU Depth V2, from ImageNet weights.

The learning rate is for 2 GPUs x 8 images; 8 GPUs x 2 images is the same run. For another global batch:
--auto-scale-lr. Without a network: --cfg-options pretrained=None, or pretrained=FILE.
"""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/nyu.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = "torchvision"
SyncBN = True
