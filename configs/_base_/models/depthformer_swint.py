"""DepthFormer on Swin-T, 47.6 M parameters; a dataset of another range sets max_depth anew."""

_channels = [64, 96, 192, 384, 768]

model = dict(
    type="DepthEstimator",
    backbone=dict(
        type="DepthFormerSwin",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.3,
    ),
    neck=dict(type="HAHI", in_channels=_channels, embedding_dim=256, num_points=8),
    decode_head=dict(
        type="DenseDepthHead", in_channels=_channels, channels=_channels, output="relu", negative_slope=0.01
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0))
