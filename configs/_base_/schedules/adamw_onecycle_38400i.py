"""38,400 steps of AdamW under one cycle. Evaluation every 1,600.

The rate is stated for a global batch of 16, 8 GPUs x 2 images.
"""

base_batch_size = 16
optimizer = dict(
    type="AdamW",
    lr=1e-4,
    betas=(0.9, 0.999),
    weight_decay=0.01,
    paramwise_cfg=dict(
        custom_keys={"relative_position_bias_table": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0)}
    ),
)
optimizer_config = dict(grad_clip=dict(max_norm=35))
lr_config = dict(policy="OneCycle", max_lr=1e-4, div_factor=25, final_div_factor=100)
runner = dict(max_epochs=24, iters_per_epoch=1600)
checkpoint_config = dict(interval=1, max_keep_ckpts=2, minutes=30)
evaluation = dict(interval=1, save_best="abs_rel")
