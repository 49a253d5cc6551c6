"""NYU Depth V2: https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html, in the sync layout of BTS."""

_nyu = dict(type="NYUDataset", data_root="data/nyu", depth_scale=1000, min_depth=1e-3, max_depth=10)
_test = dict(split="nyu_test.txt", pipeline=[], protocol="nyu_eigen", **_nyu)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        split="nyu_train.txt",
        cache=None,  # or a folder for 50 GB of decoded images and depths, which then load faster
        pipeline=[
            dict(type="NYUCrop"),
            dict(type="RandomRotateCrop", prob=0.5, degree=2.5, crop_size=(416, 544)),
            dict(type="RandomFlip", prob=0.5),
            dict(
                type="ColorAug",
                prob=0.5,
                gamma_range=(0.9, 1.1),
                brightness_range=(0.75, 1.25),
                color_range=(0.9, 1.1),
            ),
        ],
        **_nyu,
    ),
    val=_test,
    test=_test,
)
