"""Swin-T with a DenseDepth decoder on KITTI's depth prediction benchmark, from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/kitti_benchmark.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=88)
pretrained = "torchvision"
SyncBN = True
