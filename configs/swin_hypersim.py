"""Swin-T with a DenseDepth decoder on Hypersim, from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/hypersim.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=65)
pretrained = "torchvision"
SyncBN = True
