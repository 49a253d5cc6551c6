"""Rendered rooms: no files; validation and test are rooms of other seeds than training."""

_rooms = dict(type="SyntheticDataset", height=64, width=96, max_depth=12)

data = dict(
    samples_per_gpu=8,
    workers_per_gpu=2,
    train=dict(
        num_images=3600,
        scene_seed=0,
        pipeline=[dict(type="RandomFlip", prob=0.5)],
        **_rooms,
    ),
    val=dict(num_images=100, scene_seed=1, protocol="full", **_rooms),
    test=dict(num_images=200, scene_seed=2, protocol="full", **_rooms),
)
