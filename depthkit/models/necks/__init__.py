"""Necks: maps, fine to coarse -> as many maps of the same sizes, or one more. One file a paper."""

from depthkit.models.necks import hahi, psp  # noqa: F401
