"""DepthFormer on Swin-L, 273.7 M parameters; a dataset of another range sets max_depth anew."""

_channels = [64, 192, 384, 768, 1536]

model = dict(
    type="DepthEstimator",
    backbone=dict(
        type="DepthFormerSwin",
        embed_dims=192,
        depths=(2, 2, 18, 2),
        num_heads=(6, 12, 24, 48),
        window_size=7,
        drop_path_rate=0.3,
    ),
    neck=dict(type="HAHI", in_channels=_channels, embedding_dim=512, num_points=8),
    decode_head=dict(
        type="DenseDepthHead", in_channels=_channels, channels=_channels, output="relu", negative_slope=0.01
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0))
