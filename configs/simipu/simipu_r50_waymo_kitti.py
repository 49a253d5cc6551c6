"""SimIPU (Li et al. 2022): ResNet-50, trained on Waymo without labels, with a DenseDepth decoder on KITTI.

Published: abs_rel 0.066 (the toolbox's configs/simipu/README.md, with flip).
It begins with a checkpoint of SimIPU's own code, github.com/zhyever/SimIPU, of which the image's backbone is taken;
77.8 M parameters.
"""

_base_ = [
    "../_base_/models/resnet_densedepth.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

model = dict(max_depth=80)
pretrained = "pretrained/simipu_waymo.pth"
