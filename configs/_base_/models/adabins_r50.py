"""AdaBins on ResNet-50, 83.8 M parameters; a dataset of another range sets max_depth anew."""

_base_ = "adabins_efnetb5ap.py"

model = dict(
    backbone=dict(_delete_=True, type="ResNet", depth=50),
    decode_head=dict(in_channels=[64, 256, 512, 1024, 2048]),
)
