"""DPT on ViT-B/16, 110.0 M parameters; a dataset of another range sets max_depth anew."""

model = dict(
    type="DepthEstimator",
    backbone=dict(type="VisionTransformer", size="b16"),
    decode_head=dict(type="DPTHead", in_channels=1536, post_process_channels=[96, 192, 384, 768], channels=256),
    min_depth=1e-3,
    max_depth=10,
    mean=[127.5, 127.5, 127.5],
    std=[127.5, 127.5, 127.5],
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0, warm_up_steps=100))
