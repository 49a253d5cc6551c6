"""Heads: maps, fine to coarse -> depth. One file a paper."""

from depthkit.models.heads import adabins, binsformer, bts, densedepth, depth_anything, dpt, newcrfs  # noqa: F401
