"""AdaBins on ResNet-50, 83.8 M parameters; a dataset of another range sets max_depth anew."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="ResNet", depth=50),
    decode_head=dict(
        type="AdabinsHead",
        in_channels=[64, 256, 512, 1024, 2048],
        channels=[128, 256, 512, 1024, 2048],
        embedding_dim=128,
        num_bins=256,
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(
    loss_depth=dict(type="SigLoss", loss_weight=10.0),
    loss_chamfer=dict(type="BinsChamferLoss", loss_weight=0.1),
)
