"""38,400 steps of AdamW under one cycle. Evaluation every 1,600.

The rate is stated for a global batch of 16, 8 GPUs x 2 images.
"""

_base_ = "adamw_cosine_38400i.py"

lr_config = dict(_delete_=True, policy="OneCycle", div_factor=25, final_div_factor=100)
