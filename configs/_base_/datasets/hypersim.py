"""Hypersim, https://github.com/apple/ml-hypersim, processed to 16-bit PNGs of planar depth in millimetres as for
Marigold: https://github.com/prs-eth/Marigold."""

_hypersim = dict(type="FolderDataset", images="**/rgb_*.png", depths="**/depth_plane_*.png", max_depth=65)
_hypersim.update(depth_scale=1000, camera=(886.81, 886.81, 511.5, 383.5))

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        data_root="data/hypersim/train",
        cache=None,  # or a folder for decoded images and depths, which then load faster
        pipeline=[
            dict(type="RandomFlip", prob=0.5),
            dict(type="RandomCrop", crop_size=(480, 640)),
        ],
        **_hypersim,
    ),
    val=dict(data_root="data/hypersim/val", protocol="full", **_hypersim),
    test=dict(data_root="data/hypersim/test", protocol="full", **_hypersim),
)
