"""KITTI, the split of Eigen et al.: https://www.cvlibs.net/datasets/kitti/eval_depth.php, with the files of BTS.

Images are turned by up to 2.5 degrees, as in the toolbox's runs; BTS itself has 1. What is farther
than 80 m is left out in training too, where the toolbox trains on it.
"""

_kitti = dict(type="KITTIDataset", data_root="data/kitti", depth_scale=256, min_depth=1e-3, max_depth=80)
_test = dict(split="kitti_eigen_test.txt", pipeline=[dict(type="KBCrop")], protocol="kitti_garg", **_kitti)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        split="kitti_eigen_train.txt",
        cache=None,  # or a folder for 75 GB of decoded images and depths, which then load faster
        pipeline=[
            dict(type="KBCrop"),
            dict(type="RandomRotateCrop", prob=0.5, degree=2.5, crop_size=(352, 704)),
            dict(type="RandomFlip", prob=0.5),
            dict(
                type="ColorAug", prob=0.5, gamma_range=(0.9, 1.1), brightness_range=(0.9, 1.1), color_range=(0.9, 1.1)
            ),
        ],
        **_kitti,
    ),
    val=_test,
    test=_test,
)
