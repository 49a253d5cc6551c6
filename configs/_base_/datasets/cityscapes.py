"""Cityscapes, https://www.cityscapes-dataset.com: depth from stereo, without sky and where the pair agrees.

Images are halved in training and test alike, so that things have one size in pixels at one distance; depth is not.
"""

_cityscapes = dict(type="CityscapesDataset", data_root="data/cityscapes", min_depth=1e-3, max_depth=200)
_test = dict(
    split="cityscapes_val.txt",
    pipeline=[dict(type="Resize", size=(512, 1024))],
    protocol="cityscapes",
    **_cityscapes,
)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        split="cityscapes_train.txt",
        cache=None,  # or a folder for decoded images and depths, which then load faster
        pipeline=[
            dict(type="RandomFlip", prob=0.5),
            dict(type="RandomCrop", crop_size=(704, 1408)),
            dict(type="Resize", size=(352, 704)),
            dict(
                type="ColorAug", prob=0.5, gamma_range=(0.9, 1.1), brightness_range=(0.9, 1.1), color_range=(0.9, 1.1)
            ),
        ],
        **_cityscapes,
    ),
    val=_test,
    test=_test,
)
