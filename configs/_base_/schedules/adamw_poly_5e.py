"""5 epochs of AdamW for fine-tuning, the rate falling to 0 as (1 - progress) ** 0.9, ten times as high in the head.

The rates are stated for a global batch of 32.
"""

base_batch_size = 32
optimizer = dict(
    type="AdamW",
    lr=5e-6,
    betas=(0.9, 0.999),
    weight_decay=0.01,
    paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=10)}),
)
lr_config = dict(policy="poly", power=0.9, by_epoch=False)
runner = dict(max_epochs=5)
checkpoint_config = dict(interval=1, max_keep_ckpts=2, minutes=30)
evaluation = dict(interval=1, save_best="abs_rel")
