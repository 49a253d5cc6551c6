"""Depth metrics from an image's predicted and measured depth, and their means over pixels, images and ranks."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from depthkit.distributed import all_reduce

# what papers print, and what is worth asking besides
METRICS = ("a1", "a2", "a3", "abs_rel", "rmse", "log_10", "rmse_log", "silog", "sq_rel")
MORE_METRICS = ("a_105", "mae", "irmse", "boundary_f1")
NUM_SUMS = 13  # that these are made of, all but boundary_f1


def pixel_sums(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """What `from_sums` needs, summed over the pixels of each image that count (`valid`, bool), float64 (B, NUM_SUMS),
    from depths (B, ...) in metres.

    What stands in other pixels does not matter. All are nan for an image where the prediction in a valid pixel is not a
    positive number: a broken prediction shows.
    """
    target = target.double().where(valid, 1.0)
    prediction = prediction.double().where(valid, 1.0)
    prediction = prediction.where(prediction.isfinite() & (prediction > 0), math.nan)
    error = prediction - target
    log_error = prediction.log() - target.log()
    ratio = torch.maximum(prediction / target, target / prediction)
    terms = [
        valid,
        *(ratio < limit for limit in (1.25, 1.25**2, 1.25**3, 1.05)),
        error.abs(),
        error.square(),
        error.abs() / target,
        error.square() / target,
        log_error,
        log_error.abs(),
        log_error.square(),
        (1000 / prediction - 1000 / target).square(),
    ]
    sums = torch.stack([(term * valid).flatten(1).sum(1, dtype=torch.float64) for term in terms], dim=-1)
    return sums + 0 * sums[:, -1:]  # 0, or nan: comparisons would not pass it on


def from_sums(sums: Tensor) -> dict[str, Tensor]:
    """The metrics but boundary_f1, each (...), of pixels whose `pixel_sums` are (..., NUM_SUMS); nan without a pixel.

    a1 to a3, abs_rel, sq_rel, rmse and rmse_log are those of Eigen et al., "Depth Map Prediction from a Single Image
    using a Multi-Scale Deep Network" (2014), log_10 is that of Saxena et al., "Make3D" (2009), silog and irmse (1/km)
    those of the KITTI benchmark. a_105 is a1 with 1.05 in place of 1.25; mae is in metres.
    """
    count, *totals = sums.unbind(-1)
    a1, a2, a3, a_105, error, square, relative, square_relative, log, log_abs, log_square, inverse_square = (
        total / count for total in totals
    )
    return {
        "a1": a1,
        "a2": a2,
        "a3": a3,
        "abs_rel": relative,
        "rmse": square.sqrt(),
        "log_10": log_abs / math.log(10),
        "rmse_log": log_square.sqrt(),
        # rounding may leave a constant error with a variance just below 0
        "silog": 100 * (log_square - log.square()).clamp(min=0).sqrt(),
        "sq_rel": square_relative,
        "a_105": a_105,
        "mae": error,
        "irmse": inverse_square.sqrt(),
    }


def boundary_f1(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """How well the edges of objects are met, float64 (B,) from 0 to 1, from depths (B, ..., H, W) in metres; nan for an
    image whose target has no edge between two valid pixels.

    Bochkovskii et al., "Depth Pro" (2024), section 4.3: neighbours have an edge between them where one is farther than
    the other by more than a ratio; F1 of predicted edges, where and in which direction the target has one, averaged
    over ten ratios from 1.05 to 1.25 with weights that grow with the ratio.
    """
    ratios = torch.linspace(1.05, 1.25, 10, dtype=torch.float64).tolist()
    counts = torch.zeros(3, len(target), len(ratios), dtype=torch.float64, device=target.device)
    logs = [depth.double().where(valid, 1.0).clamp(min=1e-6).log() for depth in (prediction, target)]
    for axis in (-1, -2):
        both = valid.narrow(axis, 1, valid.shape[axis] - 1) & valid.narrow(axis, 0, valid.shape[axis] - 1)
        steps = [log.diff(dim=axis).where(both, 0.0).flatten(1) for log in logs]
        for sign in (1, -1):
            found, wanted = (torch.stack([sign * step > math.log(r) for r in ratios], dim=1) for step in steps)
            counts += torch.stack([found & wanted, found, wanted]).sum(-1)
    hits, found, wanted = counts
    weights = torch.tensor(ratios, dtype=torch.float64, device=target.device) * (wanted > 0)
    return (weights * 2 * hits / (found + wanted).clamp(min=1)).sum(1) / weights.sum(1)


class MetricAverage:
    """The metrics of a set: means over images, one image one vote, or with `per_pixel` one pixel one vote, however the
    images lie in batches and on ranks.

    An image without a valid pixel has no metrics: it is skipped, and counted. With `more`, MORE_METRICS too;
    boundary_f1 is always a mean over the images that have edges.
    """

    def __init__(self, device: torch.device, *, per_pixel: bool = False, more: bool = False) -> None:
        self.per_pixel = per_pixel
        self.more = more
        # what is summed for the metrics, the number of images in it, the number skipped, boundary_f1 and its images
        self.sums = torch.zeros((NUM_SUMS if per_pixel else NUM_SUMS - 1) + 4, dtype=torch.float64, device=device)

    def add(self, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
        """Adds the images of a batch: depths (B, 1, H, W) in metres, valid bool. Does not wait for the device."""
        counts = valid.flatten(1).any(1)
        sums = pixel_sums(prediction, target, valid)
        values = sums if self.per_pixel else torch.stack(list(from_sums(sums).values()), dim=-1)
        edges = boundary_f1(prediction, target, valid) if self.more else sums.new_full((len(target),), math.nan)
        totals = [values.where(counts[:, None], 0.0).sum(0), counts.sum()[None], (~counts).sum()[None]]
        self.sums += torch.cat([*totals, edges.nansum()[None], (~edges.isnan()).sum()[None]])

    def compute(self) -> tuple[dict[str, float], int, int]:
        """(metrics, number of images in them, number skipped) over all ranks, which must all call this; nan if no image
        counted, or if the prediction of one was no positive number."""
        totals = all_reduce(self.sums)
        values, (num_images, num_skipped, edges, num_edged) = totals[:-4], totals[-4:].tolist()
        names = (METRICS + MORE_METRICS)[:-1]
        pooled = from_sums(values) if self.per_pixel else dict(zip(names, values / num_images, strict=True))
        metrics = {name: value.item() for name, value in pooled.items()}
        metrics["boundary_f1"] = edges / num_edged if num_edged else math.nan
        wanted = METRICS + MORE_METRICS if self.more else METRICS
        return {name: metrics[name] for name in wanted}, int(num_images), int(num_skipped)


class RangeTable:
    """The metrics of near and of far pixels: those of all images whose target lies between two `edges`, in metres."""

    def __init__(self, edges: Sequence[float], device: torch.device) -> None:
        self.edges = edges
        self.sums = torch.zeros(len(edges) - 1, NUM_SUMS, dtype=torch.float64, device=device)

    def add(self, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
        """Adds the images of a batch: depths (B, ...) in metres, valid bool."""
        for place, (low, high) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            self.sums[place] += pixel_sums(prediction, target, valid & (target >= low) & (target < high)).sum(0)

    def compute(self) -> list[dict[str, float]]:
        """For each range with pixels in it "from" and "to" in metres, their "share" and metrics, over all ranks, which
        must all call this."""
        sums = all_reduce(self.sums)
        rows = []
        for low, high, row in zip(self.edges[:-1], self.edges[1:], sums, strict=True):
            if row[0] > 0:
                metrics = {name: value.item() for name, value in from_sums(row).items()}
                rows.append({"from": low, "to": high, "share": (row[0] / sums[:, 0].sum()).item(), **metrics})
        return rows
