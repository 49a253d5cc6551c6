"""Swin-T with a DenseDepth decoder on NYU Depth V2, from ImageNet weights.

The learning rate is for 2 GPUs x 8 images; 8 GPUs x 2 images is the same run. For another global batch:
--auto-scale-lr. Without a network: --cfg-options pretrained=None, or pretrained=FILE.
"""

_base_ = ["_base_/datasets/nyu.py", "_base_/schedules/adamw_onecycle_24e.py"]

pretrained = "torchvision"
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
SyncBN = True
