"""Datasets, transforms and loaders; importing this package fills the registry DATA."""

from depthkit.data import (  # noqa: F401
    cityscapes,
    concat,
    folder,
    kitti,
    kitti_benchmark,
    nyu,
    sunrgbd,
    synthetic,
    transforms,
)
