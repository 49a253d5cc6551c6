"""Datasets, transforms and loaders; importing this package fills the registry DATA."""

from depthkit.data import nyu, synthetic, transforms  # noqa: F401
