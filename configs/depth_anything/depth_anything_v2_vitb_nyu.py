"""Depth Anything V2 (Yang et al. 2024) on DINOv2 ViT-B/14, fine-tuned to metres on NYU Depth V2, 97.2 M parameters.

Published for this backbone under ZoeDepth's head: abs_rel 0.063, rmse 0.228 (the paper's Tab. 4), none for this head.
It begins with the relative model's backbone (CC-BY-NC-4.0), which has to be fetched first:
huggingface.co/depth-anything/Depth-Anything-V2-Base/resolve/main/depth_anything_v2_vitb.pth
DINOv2's own file, dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth, fits too (Apache-2.0).
Rates and length are the authors' for fine-tuning (metric_depth/train.py, there for a batch of 32; their issue 130). To
SILog, the one loss they use, comes the gradient loss of DINOv2's depth training.
"""

_base_ = [
    "../_base_/models/depth_anything_v2_vitb.py",
    "../_base_/datasets/nyu_518.py",
    "../_base_/schedules/adamw_poly_5e.py",
]

pretrained = "pretrained/depth_anything_v2_vitb.pth"
