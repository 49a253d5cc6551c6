"""swin_nyu as it is trained, tested on SUN RGB-D, which it has not seen:

python -m depthkit.test configs/swin_sunrgbd.py work_dirs/swin_nyu/latest.pth
"""

_base_ = [
    "_base_/models/swin_densedepth.py",
    "_base_/datasets/sunrgbd.py",
    "_base_/schedules/adamw_onecycle_24e.py",
]

pretrained = "torchvision"
SyncBN = True
