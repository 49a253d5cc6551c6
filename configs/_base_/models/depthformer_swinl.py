"""DepthFormer on Swin-L, 273.7 M parameters; a dataset of another range sets max_depth anew."""

_base_ = "depthformer_swint.py"

_channels = [64, 192, 384, 768, 1536]

model = dict(
    backbone=dict(embed_dims=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48)),
    neck=dict(in_channels=_channels, embedding_dim=512),
    decode_head=dict(in_channels=_channels, channels=_channels),
)
