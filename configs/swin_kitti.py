"""Swin-T with a DenseDepth decoder on KITTI, the split of Eigen et al., from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/kitti.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=80)
pretrained = "torchvision"
SyncBN = True
