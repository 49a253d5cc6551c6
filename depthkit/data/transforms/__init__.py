"""Changes to a sample: crops, flips, rotation, sizes, colour. The intrinsics move along with the pixels.

A transform is called with (sample, rng) and returns a new sample; the one it was given stays as it was. It draws the
same count of numbers from `rng` every time, used or not, so its coin does not shift the draws of the transforms after
it. Those that move the pixels of image and depth need both of one size; where they differ, a ValueError names the file.
"""

from depthkit.data.transforms.colour import ColorAug
from depthkit.data.transforms.geometry import KBCrop, NYUCrop, RandomCrop, RandomFlip
from depthkit.data.transforms.resize import Resize
from depthkit.data.transforms.rotate import RandomRotate

__all__ = ["ColorAug", "KBCrop", "NYUCrop", "RandomCrop", "RandomFlip", "RandomRotate", "Resize"]
