"""ResNet-50 with a DenseDepth decoder on NYU Depth V2 from random weights, 77.8 M parameters.

Published: abs_rel 0.205 (the toolbox's configs/simipu/README.md, with flip).
It is what SimIPU (Li et al. 2022), which trains such a backbone without labels, is compared with.
"""

_base_ = [
    "../_base_/models/resnet_densedepth.py",
    "../_base_/datasets/nyu.py",
    "../_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = None
