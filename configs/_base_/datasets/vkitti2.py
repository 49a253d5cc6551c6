"""Virtual KITTI 2, https://europe.naverlabs.com/proxy-virtual-worlds-vkitti-2: centimetres; sky is beyond 80 m."""

_vkitti = dict(type="FolderDataset", data_root="data/vkitti2", depth_scale=100, max_depth=80)
_vkitti.update(camera=(725.0087, 725.0087, 620.5, 187))
_train = dict(
    cache=None,  # or a folder for decoded images and depths, which then load faster
    pipeline=[
        dict(type="KBCrop"),
        dict(type="RandomFlip", prob=0.5),
        dict(type="RandomCrop", crop_size=(352, 704)),
    ],
    **_vkitti,
)
_test = dict(
    images="Scene20/**/rgb/*/rgb_*.jpg",
    depths="Scene20/**/depth/*/depth_*.png",
    pipeline=[dict(type="KBCrop")],
    protocol="kitti_garg",
    **_vkitti,
)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        type="ConcatDataset",
        datasets=[
            dict(images="Scene0*/**/rgb/*/rgb_*.jpg", depths="Scene0*/**/depth/*/depth_*.png", **_train),
            dict(images="Scene18/**/rgb/*/rgb_*.jpg", depths="Scene18/**/depth/*/depth_*.png", **_train),
        ],
    ),
    val=_test,
    test=_test,
)
