"""DIODE, https://diode-dataset.org: depth in .npy files, in metres, and masks of what the laser scanner saw."""

_diode = dict(type="FolderDataset", images="**/*.png", depths="**/*_depth.npy", masks="**/*_depth_mask.npy")
_diode.update(depth_scale=1, min_depth=0.6, max_depth=350)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        data_root="data/diode/train",
        cache=None,  # or a folder for decoded images and depths, which then load faster
        pipeline=[
            dict(type="RandomFlip", prob=0.5),
            dict(type="RandomCrop", crop_size=(480, 640)),
        ],
        **_diode,
    ),
    val=dict(data_root="data/diode/val", protocol="full", **_diode),
    test=dict(data_root="data/diode/val", protocol="full", **_diode),
)
