"""Swin-T with a DenseDepth decoder on Virtual KITTI 2, from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/vkitti2.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=80)
pretrained = "torchvision"
SyncBN = True
