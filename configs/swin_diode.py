"""Swin-T with a DenseDepth decoder on DIODE, indoors and outdoors, from ImageNet weights."""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/diode.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=350)
pretrained = "torchvision"
SyncBN = True
