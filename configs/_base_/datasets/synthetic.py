"""Rooms rendered while training: nothing on disk, nothing to download."""

_rooms = dict(type="SyntheticDataset", height=96, width=128, min_depth=1e-3, max_depth=10)
_unseen = dict(num_images=200, scene_seed=1, pipeline=[], protocol="full", **_rooms)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=2,
    train=dict(
        num_images=1600,
        scene_seed=0,
        pipeline=[
            dict(type="RandomFlip", prob=0.5),
            dict(
                type="ColorAug",
                prob=0.5,
                gamma_range=(0.9, 1.1),
                brightness_range=(0.75, 1.25),
                color_range=(0.9, 1.1),
            ),
        ],
        **_rooms,
    ),
    val=_unseen,
    test=_unseen,
)
