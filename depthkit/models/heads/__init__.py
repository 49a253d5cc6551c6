"""Heads: maps, fine to coarse -> depth. One file a paper."""

from depthkit.models.heads import densedepth, dpt  # noqa: F401
