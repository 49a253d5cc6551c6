"""SUN RGB-D, https://rgbd.cs.princeton.edu, as a test of what has been trained on NYU Depth V2."""

_base_ = ["nyu.py"]

data = dict(
    test=dict(
        _delete_=True,
        type="SUNRGBDDataset",
        data_root="data/sunrgbd",
        split="SUNRGBD_val_splits.txt",
        depth_scale=1000,
        max_depth=8,
        protocol="sunrgbd",
    ),
)
