"""BTS on ResNet-50, 47.5 M parameters; a dataset of another range sets max_depth anew."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="ResNet", depth=50),
    decode_head=dict(type="BTSHead", in_channels=[64, 256, 512, 1024, 2048], num_features=512, channels=32),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0))
