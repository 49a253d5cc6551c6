"""Swin-T with a DenseDepth decoder, 35.1 M parameters; a dataset of another range sets max_depth anew."""

model = dict(
    type="DepthEstimator",
    backbone=dict(
        type="SwinTransformer",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.3,
    ),
    decode_head=dict(
        type="DenseDepthHead",
        in_channels=[96, 192, 384, 768],
        channels=[96, 192, 384, 768],
        output="sigmoid",
    ),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=1.0))
