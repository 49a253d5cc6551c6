"""NYU Depth V2 with the recipe of BTS: cut the white border, rotate, flip, crop, change colours."""

_frames = dict(type="NYUDataset", data_root="data/nyu", depth_scale=1000, min_depth=1e-3, max_depth=10)
_test = dict(split="nyu_test.txt", protocol="nyu_eigen", pipeline=[], **_frames)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        split="nyu_train.txt",
        pipeline=[
            dict(type="NYUCrop"),
            dict(type="RandomRotate", prob=0.5, degree=2.5),
            dict(type="RandomFlip", prob=0.5),
            dict(type="RandomCrop", size=(416, 544)),
            dict(type="ColorAug", prob=0.5, brightness_range=(0.75, 1.25)),
        ],
        **_frames,
    ),
    val=_test,
    test=_test,
)
