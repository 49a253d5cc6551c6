"""Changes to a sample: crops, flips, rotation, sizes, colour. The intrinsics move along with the pixels.

A transform is called with (sample, rng) and returns a new sample; the one it was given stays as it was. It draws the
same count of numbers from `rng` every time, used or not, so its coin does not shift the draws of the transforms after
it. Those that move the pixels of image and depth need both of one size; where they differ, a ValueError names the file.
"""

from depthkit.data.transforms.colour import ColorAug, ColorJitter, RandomGrayscale
from depthkit.data.transforms.geometry import KBCrop, NYUCrop, RandomCrop, RandomFlip
from depthkit.data.transforms.quality import RandomBlur, RandomJPEG
from depthkit.data.transforms.resize import RandomScale, Resize, ResizeToMultiple
from depthkit.data.transforms.rotate import RandomRotate, RandomRotateCrop

__all__ = [
    "ColorAug",
    "ColorJitter",
    "KBCrop",
    "NYUCrop",
    "RandomBlur",
    "RandomCrop",
    "RandomFlip",
    "RandomGrayscale",
    "RandomJPEG",
    "RandomRotate",
    "RandomRotateCrop",
    "RandomScale",
    "Resize",
    "ResizeToMultiple",
]
