"""Necks: maps, fine to coarse -> as many maps of the same sizes. One file a paper."""

from depthkit.models.necks import hahi  # noqa: F401
