"""Evaluation protocols by name: which pixels of which prediction are scored, and how their errors are averaged."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch
from torch import Tensor

ALIGNMENTS = ("none", "scale", "scale_shift")
NEAREST = 1e-3  # metres; a shift may put pixels behind the camera, and this is where they count as being


@dataclass(frozen=True)
class FixedCrop:
    """The same rows and columns of every depth map, which must all be of one size."""

    height: int
    width: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    def __call__(self, height: int, width: int) -> tuple[slice, slice]:
        if (height, width) != (self.height, self.width):
            raise ValueError(
                f"the crop to {self} is made for depth maps of {self.height} x {self.width}, but one has {height} x"
                f" {width}: choose another protocol ({', '.join(PROTOCOLS)}), or the pipeline that the dataset's config"
                " has for its test set"
            )
        return slice(*self.rows), slice(*self.columns)

    def __str__(self) -> str:
        return f"rows {self.rows[0]}:{self.rows[1]}, columns {self.columns[0]}:{self.columns[1]}"


@dataclass(frozen=True)
class Protocol:
    """Which pixels are scored: those in the crop with min_depth < target < max_depth, in metres; and of what: the
    model's prediction, or with `flip` its mean with the one for the mirrored image, cut at max_depth. `flip` is None
    where the predictions were made before, somehow.

    `crop` takes a depth map's height and width, returns the rows and columns that count, and prints as what it does.
    `align` fits each image's prediction to its target first: see `align`. `average` is over the pixels of an "image",
    then over images, or over each "pixel" alike.
    """

    name: str
    crop: Callable[[int, int], tuple[slice, slice]] | None
    min_depth: float
    max_depth: float
    flip: bool | None
    align: str = "none"
    average: str = "image"

    def __post_init__(self) -> None:
        if self.align not in ALIGNMENTS:
            raise ValueError(f"a protocol's alignment is {self.align!r}; use one of {', '.join(ALIGNMENTS)}")
        if self.average not in ("image", "pixel"):
            raise ValueError(f"a protocol's average is {self.average!r}; use 'image' or 'pixel'")

    def within(self, min_depth: float, max_depth: float) -> "Protocol":
        """The protocol for a set whose targets are known between these depths alone, in metres."""
        return replace(self, min_depth=max(self.min_depth, min_depth), max_depth=min(self.max_depth, max_depth))

    def apply(self, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Depths (B,1,H,W) -> what is scored: prediction, target, and the pixels that count, bool, all inside the
        crop. A prediction that is not a number stays one."""
        if self.crop is not None:
            rows, columns = self.crop(*target.shape[-2:])
            prediction, target = prediction[..., rows, columns], target[..., rows, columns]
        valid = (target > self.min_depth) & (target < self.max_depth)
        if self.align != "none":
            prediction = align(prediction, target, valid, shift=self.align == "scale_shift")
            prediction = prediction.clamp(min=max(self.min_depth, NEAREST))
        return prediction.where(prediction.isfinite(), math.nan).clamp(max=self.max_depth), target, valid

    def facts(self) -> dict[str, str]:
        """All that another's numbers must share to be compared with those of this protocol."""
        return {
            "protocol": self.name,
            "crop": str(self.crop or "none"),
            "cap": f"{self.min_depth:g} < depth < {self.max_depth:g} m",
            "alignment": {
                "none": "none, depth is metric",
                "scale": "scale of each image, least squares",
                "scale_shift": "scale and shift of each image, least squares",
            }[self.align],
            "flip": {
                True: "mean with the mirrored image's prediction",
                False: "no",
                None: "as the predictions were made",
            }[self.flip],
            "averaging": {"image": "over the pixels of an image, then over images", "pixel": "over all pixels alike"}[
                self.average
            ],
        }


def align(prediction: Tensor, target: Tensor, valid: Tensor, shift: bool) -> Tensor:
    """The prediction (B, ...) times a scale, and with `shift` plus a shift, of each image: those that leave the least
    sum of squared errors, in metres, over its valid pixels."""
    shape = [-1] + [1] * (prediction.dim() - 1)
    axes = list(range(1, prediction.dim()))
    count = valid.sum(axes).clamp(min=1).double()

    def mean(values: Tensor) -> Tensor:
        return values.where(valid, 0.0).sum(axes, dtype=torch.float64) / count

    x, y = prediction.double(), target.double()
    mean_x, mean_y = (mean(x), mean(y)) if shift else (torch.zeros_like(count), torch.zeros_like(count))
    variance = mean(x.square()) - mean_x.square()
    # a prediction that is the same everywhere can be shifted, but not scaled
    scale = ((mean(x * y) - mean_x * mean_y) / variance.clamp(min=1e-12)).where(variance > 1e-12, 0.0)
    return (x * scale.view(shape) + (mean_y - scale * mean_x).view(shape)).to(prediction.dtype)


# The crop of Eigen et al. (2014), as everyone has scored NYU Depth V2 since.
EIGEN_NYU = FixedCrop(480, 640, rows=(45, 471), columns=(41, 601))
# KITTI is scored inside the bottom 352 rows and middle 1216 columns, which KBCrop leaves. Of these, the crop of Garg et
# al. (2016), "Unsupervised CNN for Single View Depth Estimation", leaves the fractions .40810811 to .99189189 of the
# rows and .03594771 to .96405229 of the columns, that of Eigen et al. .3324324 to .91351351 and .0359477 to .96405229.
GARG_KITTI = FixedCrop(352, 1216, rows=(143, 349), columns=(43, 1172))
EIGEN_KITTI = FixedCrop(352, 1216, rows=(117, 321), columns=(43, 1172))
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("nyu_eigen", EIGEN_NYU, min_depth=1e-3, max_depth=10.0, flip=True),
        Protocol("kitti_garg", GARG_KITTI, min_depth=1e-3, max_depth=80.0, flip=True),
        Protocol("kitti_eigen", EIGEN_KITTI, min_depth=1e-3, max_depth=80.0, flip=True),
        Protocol("kitti_benchmark", GARG_KITTI, min_depth=1e-3, max_depth=88.0, flip=True),
        Protocol("sunrgbd", None, min_depth=1e-3, max_depth=8.0, flip=True),
        Protocol("cityscapes", None, min_depth=1e-3, max_depth=200.0, flip=True),
        Protocol("full", None, min_depth=0.0, max_depth=math.inf, flip=False),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol called `name`; a ValueError lists the names there are."""
    if name not in PROTOCOLS:
        close = get_close_matches(name, PROTOCOLS) or list(PROTOCOLS)
        raise ValueError(f"there is no evaluation protocol {name!r}; did you mean {' or '.join(map(repr, close))}?")
    return PROTOCOLS[name]
