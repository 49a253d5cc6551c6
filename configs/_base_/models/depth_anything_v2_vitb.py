"""Depth Anything V2 metric, DINOv2 ViT-B/14, 97.2 M parameters; a dataset of another range sets max_depth."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="DINOv2", size="vitb"),
    decode_head=dict(
        type="DepthAnythingHead",
        in_channels=768,
        post_process_channels=[96, 192, 384, 768],
        channels=128,
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(
    loss_depth=dict(type="SigLoss", loss_weight=1.0),
    loss_gradient=dict(type="GradientLoss", loss_weight=0.5),
)
