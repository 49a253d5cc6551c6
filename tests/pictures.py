"""Draws each transform on one rendered room, image beside depth, to be looked at: python tests/pictures.py FOLDER"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from depthkit.data import transforms
from depthkit.data.synthetic import SyntheticDataset
from depthkit.visualize import colorize

EXAMPLES = [
    transforms.NYUCrop(),
    transforms.KBCrop(height=300, width=600),
    transforms.RandomCrop((416, 544)),
    transforms.RandomCrop((520, 700), pad=True),
    transforms.RandomRotate(1, 10),
    transforms.RandomRotateCrop(1, 10, (416, 544)),
    transforms.RandomFlip(1),
    transforms.Resize((240, 480)),
    transforms.ResizeToMultiple(518, 14),
    transforms.RandomScale((0.5, 2)),
    transforms.ColorAug(1, gamma_range=(0.9, 1.1), brightness_range=(0.75, 1.25), color_range=(0.9, 1.1)),
    transforms.ColorJitter(1, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    transforms.RandomGrayscale(1),
    transforms.RandomBlur(1, (2, 4)),
    transforms.RandomJPEG(1, (10, 30)),
]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    room = SyntheticDataset(num_images=1, scene_seed=0, height=480, width=640, max_depth=10).load(0)
    for number, transform in enumerate(EXAMPLES):
        sample = transform(room, np.random.default_rng(1))
        picture = [Image.fromarray(pixels) for pixels in (sample.image, colorize(sample.depth, 0, 10))]
        both = Image.new("RGB", (picture[0].width + picture[1].width, max(part.height for part in picture)))
        both.paste(picture[0], (0, 0))
        both.paste(picture[1], (picture[0].width, 0))
        both.save(folder / f"{number:02d}_{type(transform).__name__}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
