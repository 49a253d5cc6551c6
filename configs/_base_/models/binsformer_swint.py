"""BinsFormer on Swin-T, 49.2 M parameters, which also learns which of NYU's 25 kinds of rooms it sees."""

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
    decode_head=dict(type="BinsFormerHead", in_channels=[96, 192, 384, 768], num_classes=25),
    min_depth=1e-3,
    max_depth=10,
)
criterion = dict(
    loss_depth=dict(type="SigLoss", loss_weight=10.0),
    loss_ce=dict(type="ClassLoss", loss_weight=1e-2),
    aux_loss_depth_2=dict(type="LayerLoss", layer=2, loss=dict(type="SigLoss", loss_weight=2.5)),
    aux_loss_ce_2=dict(type="LayerLoss", layer=2, loss=dict(type="ClassLoss", loss_weight=1e-2)),
    aux_loss_depth_5=dict(type="LayerLoss", layer=5, loss=dict(type="SigLoss", loss_weight=5.0)),
    aux_loss_ce_5=dict(type="LayerLoss", layer=5, loss=dict(type="ClassLoss", loss_weight=1e-2)),
)
