"""24 epochs of AdamW under one cycle of rate and momentum, without weight decay for positions and class token.

The rate is stated for a global batch of 16.
"""

_base_ = "adamw_onecycle_24e.py"

optimizer = dict(
    betas=(0.9, 0.999),
    paramwise_cfg=dict(custom_keys={"pos_embed": dict(decay_mult=0.0), "cls_token": dict(decay_mult=0.0)}),
)
momentum_config = dict(policy="OneCycle")
