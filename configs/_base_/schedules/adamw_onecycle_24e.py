"""24 epochs of AdamW under one cycle. The rates are stated for a global batch of 16, 2 GPUs x 8 images."""

base_batch_size = 16
optimizer = dict(type="AdamW", lr=1e-4, betas=(0.95, 0.99), weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=35))
lr_config = dict(policy="OneCycle", div_factor=25, final_div_factor=100)
runner = dict(max_epochs=24)
checkpoint_config = dict(interval=1, max_keep_ckpts=2, minutes=30)
evaluation = dict(interval=1, save_best="abs_rel")
