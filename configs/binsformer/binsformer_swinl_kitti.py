"""BinsFormer (Li et al. 2022) on Swin-L for KITTI, 254.1 M parameters. KITTI has no kinds of scenes to learn.

It begins with the Swin's weights for ImageNet-22k (MIT), which have to be fetched first:
github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_large_patch4_window7_224_22k.pth
"""

_base_ = [
    "../_base_/models/binsformer_swinl.py",
    "../_base_/datasets/kitti.py",
    "../_base_/schedules/adamw_onecycle_38400i.py",
]

model = dict(max_depth=80, decode_head=dict(num_classes=0))
criterion = dict(
    _delete_=True,
    loss_depth=dict(type="SigLoss", loss_weight=10.0),
    aux_loss_depth_2=dict(type="LayerLoss", layer=2, loss=dict(type="SigLoss", loss_weight=2.5)),
    aux_loss_depth_5=dict(type="LayerLoss", layer=5, loss=dict(type="SigLoss", loss_weight=5.0)),
)
pretrained = "pretrained/swin_large_patch4_window7_224_22k.pth"
