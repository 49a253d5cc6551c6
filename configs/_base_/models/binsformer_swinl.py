"""BinsFormer on Swin-L, 254.6 M parameters; which of NYU's 25 kinds of rooms it sees is learnt too.

The published runs had no dropout in the encoder's feed-forward layers: the 0.1 of their config stood where it was not
read.
"""

_base_ = "binsformer_swint.py"

model = dict(
    backbone=dict(embed_dims=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48)),
    decode_head=dict(in_channels=[192, 384, 768, 1536], channels=512, ffn_dropout=0.0),
)
