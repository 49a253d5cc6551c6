"""Depth Anything V2 metric, DINOv2 ViT-S/14, 24.7 M parameters; a dataset of another range sets max_depth."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="DINOv2", size="vits"),
    decode_head=dict(
        type="DepthAnythingHead",
        in_channels=384,
        post_process_channels=[48, 96, 192, 384],
        channels=64,
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(
    loss_depth=dict(type="SigLoss", loss_weight=1.0, mean_weight=0.5),
    loss_gradient=dict(type="GradientLoss", loss_weight=0.5),
)
