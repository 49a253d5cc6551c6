"""Looks at every pair of a dataset for what would stop a training, or spoil it in silence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch.utils.data import DataLoader, Dataset

from depthkit.data.dataset import DepthDataset

EDGES = (0, 1, 2, 3, 5, 10, 20, 40, 80, np.inf)  # of the depth histogram, metres
UNUSUAL = 5  # a median depth so many times above or below that of the whole set is suspicious: a wrong scale
STRETCH = 1.02  # the largest ratio of the aspect ratios of an image and its depth, whose sizes may differ


@dataclass
class Finding:
    """What was seen of one pair: its fault, or "" without one, and of a pair that can be read the share of pixels with
    measured depth, their median (metres) and how many lie between each two of EDGES."""

    path: str
    fault: str = ""
    measured: float = 0.0
    median: float = 0.0
    histogram: np.ndarray | None = None


class Inspection(Dataset):
    """The findings on each sample of `dataset`, by index."""

    def __init__(self, dataset: DepthDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Finding:
        try:
            sample = self.dataset.load(index)
            self.dataset.prepare(sample, index)
        except (ValueError, OSError) as error:  # each names its file
            return Finding(f"sample {index}", str(error))
        depth = self.dataset.within_range(sample.depth)
        if not self.dataset.has_depth:
            return Finding(sample.path)
        if not depth.any():
            low, high = np.nanmin(sample.depth), np.nanmax(sample.depth)
            allowed = f"{self.dataset.min_depth:g} to {self.dataset.max_depth:g} m"
            return Finding(sample.path, f"no depth lies in {allowed}: the file has {low:g} to {high:g} m")
        (height, width), (depth_height, depth_width) = sample.image.shape[:2], depth.shape
        if not 1 / STRETCH <= height * depth_width / (width * depth_height) <= STRETCH:
            sizes = f"{height} x {width} pixels, its depth {depth_height} x {depth_width}"
            return Finding(sample.path, f"the image has {sizes}: they do not show the same")
        measured = depth[depth > 0]
        histogram = np.histogram(measured, EDGES)[0]
        return Finding(sample.path, "", measured.size / depth.size, float(np.median(measured)), histogram)


def inspect(dataset: DepthDataset, workers: int) -> Iterator[Finding]:
    """A finding for each sample, in order."""
    return iter(DataLoader(Inspection(dataset), batch_size=None, num_workers=workers))


def mark_unusual(findings: Sequence[Finding]) -> list[Finding]:
    """The same, where a readable pair with depths far from those of the others has that as its fault."""
    usual = np.median([finding.median for finding in findings if not finding.fault] or [0])

    def judged(finding: Finding) -> Finding:
        if finding.fault or usual / UNUSUAL <= finding.median <= usual * UNUSUAL:
            return finding
        return replace(
            finding, fault=f"its median depth is {finding.median:.3g} m, that of the set {usual:.3g} m: a wrong scale?"
        )

    return [judged(finding) for finding in findings]


def summary(findings: Sequence[Finding]) -> str:
    """How many pairs are good, the share of measured pixels, and the histogram of the depths, as text."""
    good = [finding for finding in findings if not finding.fault]
    lines = [f"{len(findings)} pairs, {len(findings) - len(good)} with a fault"]
    good = [finding for finding in good if finding.histogram is not None]
    if good:
        shares = [finding.measured for finding in good]
        lines.append(f"measured pixels: {np.mean(shares):.1%} on average, {min(shares):.1%} in the sparsest image")
        counts = np.sum([finding.histogram for finding in good], axis=0)
        for low, high, share in zip(EDGES[:-1], EDGES[1:], counts / counts.sum(), strict=True):
            if share:
                lines.append(f"{low:4g} to {high:3g} m {share:6.1%} {'#' * round(50 * share)}".rstrip())
    return "\n".join(lines)
