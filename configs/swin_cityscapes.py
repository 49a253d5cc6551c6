"""Swin-T with a DenseDepth decoder on Cityscapes, from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/cityscapes.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=200)
pretrained = "torchvision"
SyncBN = True
