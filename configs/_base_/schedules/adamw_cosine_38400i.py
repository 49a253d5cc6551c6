"""38,400 steps of AdamW: a linear warm-up of a third of them, and a cosine down to nearly 0. Evaluation every 1,600,
in the toolbox every 800.

The rate is stated for a global batch of 16, 2 GPUs x 8 images or 8 GPUs x 2.
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
lr_config = dict(
    policy="CosineAnnealing",
    by_epoch=False,
    warmup="linear",
    warmup_iters=12800,
    warmup_ratio=1e-3,
    min_lr_ratio=1e-8,
)
runner = dict(max_epochs=24, iters_per_epoch=1600)
checkpoint_config = dict(interval=1, max_keep_ckpts=2, minutes=30)
evaluation = dict(interval=1, save_best="abs_rel")
