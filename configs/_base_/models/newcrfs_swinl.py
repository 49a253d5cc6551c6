"""NeWCRFs on Swin-L, 270.4 M parameters; a dataset of another range sets max_depth anew."""

_channels = [192, 384, 768, 1536]

model = dict(
    type="DepthEstimator",
    backbone=dict(
        type="SwinTransformer",
        embed_dims=192,
        depths=(2, 2, 18, 2),
        num_heads=(6, 12, 24, 48),
        window_size=7,
        drop_path_rate=0.3,
    ),
    neck=dict(type="PSP", in_channels=_channels),
    decode_head=dict(type="NeWCRFsHead", in_channels=_channels),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(loss_depth=dict(type="SigLoss", loss_weight=10.0))
