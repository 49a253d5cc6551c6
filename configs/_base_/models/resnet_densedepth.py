"""ResNet-50 with a DenseDepth decoder, 77.8 M parameters; a dataset of another range sets max_depth anew."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="ResNet", depth=50),
    decode_head=dict(
        type="DenseDepthHead",
        in_channels=[64, 256, 512, 1024, 2048],
        channels=[128, 256, 512, 1024, 2048],
        output="sigmoid",
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0))
