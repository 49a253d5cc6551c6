"""depthformer_swinl_nyu as it is trained, tested on SUN RGB-D, which it has not seen: name its checkpoint."""

_base_ = [
    "../_base_/models/depthformer_swinl.py",
    "../_base_/datasets/sunrgbd.py",
    "../_base_/schedules/adamw_cosine_38400i.py",
]

pretrained = "pretrained/swin_large_patch4_window7_224_22k.pth"
