"""Depth metrics: nine numbers from an image's predicted and measured depth, and their means over images and ranks."""

import math

import torch
from torch import Tensor

from depthkit.distributed import all_reduce

METRICS = ("a1", "a2", "a3", "abs_rel", "rmse", "log_10", "rmse_log", "silog", "sq_rel")


def image_metrics(prediction: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """The nine metrics of each image, float64 (B,), from depths (B, ...) in metres and the pixels that count (bool).

    a1 to a3, abs_rel, sq_rel, rmse and rmse_log are those of Eigen et al., "Depth Map Prediction from a Single Image
    using a Multi-Scale Deep Network" (2014), log_10 is that of Saxena et al., "Make3D" (2009), silog that of the KITTI
    benchmark. What stands in other pixels does not matter. All nine are nan for an image without a valid pixel, and
    for one where the prediction in a valid pixel is not a positive number: a broken prediction shows.
    """
    count = valid.flatten(1).sum(1)

    def mean(errors: Tensor) -> Tensor:
        return (errors * valid).flatten(1).sum(1, dtype=torch.float64) / count

    target = target.double().where(valid, 1.0)
    prediction = prediction.double().where(valid, 1.0)
    prediction = prediction.where(prediction.isfinite() & (prediction > 0), math.nan)
    error = prediction - target
    log_error = prediction.log() - target.log()
    ratio = torch.maximum(prediction / target, target / prediction)
    broken = 0 * mean(ratio)  # 0, or nan: comparisons would not pass it on

    return {
        "a1": mean(ratio < 1.25) + broken,
        "a2": mean(ratio < 1.25**2) + broken,
        "a3": mean(ratio < 1.25**3) + broken,
        "abs_rel": mean(error.abs() / target),
        "rmse": mean(error.square()).sqrt(),
        "log_10": mean(log_error.abs()) / math.log(10),
        "rmse_log": mean(log_error.square()).sqrt(),
        # rounding may leave a constant error with a variance just below 0
        "silog": 100 * (mean(log_error.square()) - mean(log_error).square()).clamp(min=0).sqrt(),
        "sq_rel": mean(error.square() / target),
    }


class MetricAverage:
    """The mean of each metric over images, one image one vote, however they lie in batches and on ranks.

    An image without a valid pixel has no metrics: it is skipped, and counted.
    """

    def __init__(self, device: torch.device) -> None:
        # the sum of each metric, the number of images in it, the number skipped
        self.sums = torch.zeros(len(METRICS) + 2, dtype=torch.float64, device=device)

    def add(self, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
        """Adds the images of a batch: depths (B, ...) in metres, valid bool. Does not wait for the device."""
        counts = valid.flatten(1).any(1)
        values = torch.stack(list(image_metrics(prediction, target, valid).values()))
        sums = values.where(counts, 0.0).sum(1)
        self.sums += torch.cat([sums, counts.sum()[None], (~counts).sum()[None]])

    def compute(self) -> tuple[dict[str, float], int, int]:
        """(means, number of images in them, number skipped) over all ranks, which must all call this; nan if no image
        counted, or if the prediction of one was no positive number."""
        totals = all_reduce(self.sums)
        means = (totals[:-2] / totals[-2]).tolist()
        num_images, num_skipped = totals[-2:].long().tolist()
        return dict(zip(METRICS, means, strict=True)), num_images, num_skipped
