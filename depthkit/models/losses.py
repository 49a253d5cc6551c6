"""Losses on depth, and the criterion that names and collects them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthkit.distributed import all_reduce
from depthkit.models.layers import resize
from depthkit.registry import MODELS


class Criterion(nn.Module):
    """Named losses: called with (outputs, batch, step), each returns a weighted scalar; the total is their sum."""

    def __init__(self, losses: dict[str, nn.Module]) -> None:
        super().__init__()
        if not losses:
            raise ValueError("the config's criterion is empty: name a loss, such as loss_depth=dict(type='SigLoss')")
        self.losses = nn.ModuleDict(losses)

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> dict[str, Tensor]:
        """By name; outputs or a batch without what a loss looks at are a ValueError."""
        losses = {}
        for name, loss in self.losses.items():
            try:
                losses[name] = loss(outputs, batch, step)
            except KeyError as error:
                raise ValueError(
                    f"criterion.{name} looks at {error}, but the model gives {', '.join(outputs)} and the data"
                    f" {', '.join(batch)}: choose another loss, head or dataset"
                ) from error
        return losses


def log_error(outputs: dict[str, Tensor], batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """log prediction - log target, (B,1,H,W), 0 where nothing is measured, and where it is, bool."""
    target = batch["depth"]
    valid = target > 0
    depth = resize(outputs["depth"].float(), target.shape[-2:])
    # torch.where, not indexing by `valid`: that would wait for the device to count
    return torch.where(valid, torch.log(depth + 1e-3) - torch.log(target + 1e-3), 0.0), valid


@MODELS.register
class SigLoss(nn.Module):
    """Scale-invariant logarithmic loss: sqrt(var(g) + `mean_weight` mean(g)^2) with g = log prediction - log target.

    Eigen et al. 2014, "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", eq. 4, in the form
    of Lee et al. 2019 (BTS), eq. 4, where `mean_weight` is 1 - lambda = 0.15. The statistics, with unbiased variance,
    are taken over all measured pixels of the global batch, so the loss does not depend on how it is split over ranks.
    It is 0, with zero gradient, where fewer than two pixels are measured. For the first `warm_up_steps` steps the
    variance is left out.
    """

    def __init__(self, loss_weight: float = 1.0, warm_up_steps: int = 0, mean_weight: float = 0.15) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.mean_weight = mean_weight
        self.warm_up_steps = warm_up_steps

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> Tensor:
        """outputs["depth"] (B,1,h,w) > 0 and batch["depth"] (B,1,H,W), metres, 0 = not measured -> scalar float32."""
        error, valid = log_error(outputs, batch)
        error = error.double()
        sums = torch.stack([valid.sum().double(), error.sum(), error.square().sum()])
        count, total, squares = all_reduce(sums)
        mean = total / count.clamp(min=1)
        variance = ((squares - count * mean.square()) / (count - 1).clamp(min=1)).clamp(min=0)
        if step < self.warm_up_steps:
            variance = torch.zeros_like(variance)
        # 1e-12 keeps the gradient of the root finite at a perfect prediction
        loss = (variance + self.mean_weight * mean.square() + 1e-12).sqrt()
        return (self.loss_weight * torch.where(count < 2, 0.0, loss)).float()


@MODELS.register
class GradientLoss(nn.Module):
    """Differences between neighbours, down and right, in g = log prediction - log target: 0 where depth changes as the
    target does, so it sharpens edges. Sums of their magnitudes by the number of measured pixels, at four scales.

    Li & Snavely 2018, "MegaDepth", sec. 4.2, in the form of Ranftl et al. 2020 (MiDaS), sec. 5: each scale is every
    second pixel of the one before. A difference counts if both its pixels are measured. The mean is taken over images,
    0 for those of no measured pixel, so the loss does not depend on how they are split over ranks.
    """

    NUM_SCALES = 4

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> Tensor:
        """outputs["depth"] (B,1,h,w) > 0 and batch["depth"] (B,1,H,W), metres, 0 = not measured -> scalar float32."""
        error, valid = log_error(outputs, batch)
        strides = [2**scale for scale in range(self.NUM_SCALES)]
        scales = [neighbour_difference(error[..., ::n, ::n], valid[..., ::n, ::n]) for n in strides]
        return self.loss_weight * torch.stack(scales).sum(dim=0).mean()


def neighbour_difference(error: Tensor, valid: Tensor) -> Tensor:
    """(B,1,H,W), two of them -> (B,): the summed magnitudes of differences by the number of valid pixels."""
    down = (error.diff(dim=-2).abs() * (valid[..., 1:, :] & valid[..., :-1, :])).sum(dim=(1, 2, 3))
    right = (error.diff(dim=-1).abs() * (valid[..., 1:] & valid[..., :-1])).sum(dim=(1, 2, 3))
    return (down + right) / valid.sum(dim=(1, 2, 3)).clamp(min=1)


@MODELS.register
class ScaleShiftInvariantLoss(nn.Module):
    """Half the mean squared error in disparity, 1 / depth, after the prediction's is scaled and shifted onto the
    target's, by least squares in each image: it learns shape where the target's scale is unknown or wrong.

    Ranftl et al. 2020, "Towards Robust Monocular Depth Estimation" (MiDaS), sec. 5. With both disparities less
    their means, the scale is sum(p t) / sum(p p). The mean is taken over images, 0 for those of no measured pixel, so
    the loss does not depend on how they are split over ranks.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> Tensor:
        """outputs["depth"] (B,1,h,w) > 0 and batch["depth"] (B,1,H,W), metres, 0 = not measured -> scalar float32."""
        target = batch["depth"]
        valid = target > 0
        count = valid.flatten(1).sum(dim=1).clamp(min=1)
        depth = resize(outputs["depth"].float(), target.shape[-2:])
        centred, means = [], []
        for metres in (depth, target):
            disparity = torch.where(valid, 1 / torch.where(valid, metres, 1.0), 0.0).flatten(1)
            means.append(disparity.sum(dim=1) / count)
            centred.append(torch.where(valid.flatten(1), disparity - means[-1][:, None], 0.0))
        predicted, measured = centred
        # a millionth of the mean's square bounds the scale where the prediction is the same everywhere
        spread = predicted.square().sum(dim=1) / count + 1e-6 * means[0].square()
        scale = (predicted * measured).sum(dim=1) / count / spread.clamp(min=1e-12)
        squares = (scale[:, None] * predicted - measured).square().sum(dim=1) / count
        return self.loss_weight * 0.5 * squares.mean()


@MODELS.register
class BinsChamferLoss(nn.Module):
    """How far bins lie from depths: the squared distance of each bin's centre to the nearest measured depth and of each
    measured depth to the nearest centre, means over bins and over pixels, added (Bhat et al. 2021, "AdaBins", eq. 5).

    The mean is taken over images, 0 for those of no measured pixel. Both sets are sorted, so a neighbour is looked up,
    and no table of bins by pixels is made.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> Tensor:
        """outputs["bin_edges"] (B,K+1), ascending, and batch["depth"] (B,1,H,W), metres, 0 = not measured -> scalar."""
        edges = outputs["bin_edges"].float()
        centres = (edges[:, :-1] + edges[:, 1:]) / 2
        target = batch["depth"].flatten(1)
        valid = target > 0
        count = valid.sum(dim=1)

        to_centre = torch.where(valid, target - nearest(centres, target), 0.0)
        ascending = torch.where(valid, target, torch.inf).sort(dim=1).values
        to_depth = torch.where(count[:, None] > 0, centres - nearest(ascending, centres), 0.0)
        distances = to_centre.square().sum(dim=1) / count.clamp(min=1) + to_depth.square().mean(dim=1)
        return self.loss_weight * distances.mean()


def nearest(ascending: Tensor, values: Tensor) -> Tensor:
    """Of the numbers (B,N), sorted, those nearest to each of the values (B,M): (B,M)."""
    places = torch.searchsorted(ascending.detach().contiguous(), values.detach().contiguous())
    places = places.clamp(1, ascending.shape[1] - 1)
    low, high = ascending.gather(1, places - 1), ascending.gather(1, places)
    return torch.where(values - low <= high - values, low, high)


@MODELS.register
class ClassLoss(nn.Module):
    """Cross entropy of the kind of scene, which helps a model that tells it."""

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, outputs: dict[str, Tensor], batch: dict[str, Any], step: int) -> Tensor:
        """outputs["class_logits"] (B,classes) and batch["class_label"] (B,) -> scalar float32."""
        return self.loss_weight * F.cross_entropy(outputs["class_logits"].float(), batch["class_label"])


@MODELS.register
class LayerLoss(nn.Module):
    """`loss` of what an earlier `layer` of the decoder predicts: outputs["layers"][layer]."""

    def __init__(self, loss: nn.Module, layer: int) -> None:
        super().__init__()
        self.loss = loss
        self.layer = layer

    def forward(self, outputs: dict[str, Any], batch: dict[str, Any], step: int) -> Tensor:
        return self.loss(outputs["layers"][self.layer], batch, step)
