"""The first run: a small network learns the depth of rendered rooms, in minutes on a laptop's CPU.

Nothing is downloaded: the rooms are rendered while it trains. The best constant depth map is printed beside each
evaluation; a network that has learnt to see beats it by far.
"""

_base_ = ["_base_/datasets/synthetic.py"]

model = dict(
    type="DepthEstimator",
    backbone=dict(type="ResNet", depth=18),
    decode_head=dict(type="DenseDepthHead", in_channels=[64, 64, 128, 256, 512], channels=[32, 32, 64, 128, 256]),
    min_depth=1e-3,
    max_depth=12,
)
criterion = dict(loss_depth=dict(type="SigLoss"))

base_batch_size = 8
optimizer = dict(type="AdamW", lr=5e-4, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy="OneCycle", pct_start=0.1, final_div_factor=100)

runner = dict(max_epochs=4)
checkpoint_config = dict(interval=1, max_keep_ckpts=2)
evaluation = dict(interval=1, save_best="abs_rel")
log_config = dict(interval=50)
custom_hooks = [dict(type="ConstantBaselineHook", num_images=200)]
