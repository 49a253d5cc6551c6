"""Your own images and depths: change the three lines below, and look with depthkit.check_data before you train.

The folder holds train/ and val/, each with images in rgb/ and depths in depth/, in sub-folders or not, under the
same names. Depth is 16-bit PNG, float TIFF, PFM, .npy or .npz. Other names and layouts: see FolderDataset.
Images smaller than 416 x 544 are padded: a smaller crop_size is faster. Some hundred images need more than 24 epochs:
runner.max_epochs.
"""

_base_ = ["_base_/models/swin_densedepth.py", "_base_/schedules/adamw_onecycle_24e.py"]

_root = "data/custom"
_depth_scale = 1000  # numbers in depth files for one metre: 1000 for millimetres, 1 for metres
_max_depth = 10  # metres; what is farther counts as not measured

_set = dict(type="FolderDataset", depth_scale=_depth_scale, max_depth=_max_depth)

pretrained = "torchvision"
model = dict(max_depth=_max_depth)
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        data_root=f"{_root}/train",
        cache=None,  # or a folder for decoded images and depths, which then load faster
        pipeline=[
            dict(type="RandomScale", scale_range=(1.0, 1.25)),
            dict(type="RandomRotateCrop", prob=0.5, degree=2.5, crop_size=(416, 544), pad=True),
            dict(type="RandomFlip", prob=0.5),
            dict(type="ColorJitter", prob=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
            dict(type="RandomGrayscale", prob=0.1),
            dict(type="RandomBlur", prob=0.1, sigma_range=(0.5, 2.0)),
            dict(type="RandomJPEG", prob=0.1, quality_range=(30, 90)),
        ],
        **_set,
    ),
    val=dict(data_root=f"{_root}/val", protocol="full", **_set),
    test=dict(data_root=f"{_root}/val", protocol="full", **_set),
)
