"""SimIPU (Li et al. 2022): ResNet-50, trained on KITTI without labels, with a DenseDepth decoder on NYU Depth V2.

Published: abs_rel 0.178 (the toolbox's configs/simipu/README.md, with flip).
It begins with a checkpoint of SimIPU's own code, github.com/zhyever/SimIPU, of which the image's backbone is taken;
77.8 M parameters.
"""

_base_ = [
    "../_base_/models/resnet_densedepth.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = "pretrained/simipu_kitti.pth"
