"""BTS (Lee et al. 2019) on ResNet-50 for KITTI's depth prediction benchmark, 47.5 M parameters.

The toolbox's model ends at 80 m, this one at the benchmark's 88.
"""

_base_ = [
    "../_base_/models/bts_r50.py",
    "../_base_/datasets/kitti_benchmark.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=88)
pretrained = "torchvision"
