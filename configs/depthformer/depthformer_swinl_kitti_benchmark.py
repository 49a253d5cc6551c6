"""DepthFormer (Li et al. 2022) on Swin-L for KITTI's depth prediction benchmark, 273.7 M parameters.

The toolbox's model ends at 80 m, this one at the benchmark's 88.
It begins with the Swin's weights for ImageNet-22k (MIT), which have to be fetched first:
github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_large_patch4_window7_224_22k.pth
"""

_base_ = [
    "../_base_/models/depthformer_swinl.py",
    "../_base_/datasets/kitti_benchmark.py",
    "../_base_/schedules/adamw_cosine_38400i.py",
]

model = dict(max_depth=88)
pretrained = "pretrained/swin_large_patch4_window7_224_22k.pth"
