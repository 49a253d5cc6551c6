"""Depth Anything V2 metric, DINOv2 ViT-L/14, 334.1 M parameters; a dataset of another range sets max_depth."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="DINOv2", size="vitl"),
    decode_head=dict(
        type="DepthAnythingHead",
        in_channels=1024,
        post_process_channels=[256, 512, 1024, 1024],
        channels=256,
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(
    loss_depth=dict(type="SigLoss", loss_weight=1.0),
    loss_gradient=dict(type="GradientLoss", loss_weight=0.5),
)
