import math
from pathlib import Path

import pytest
import torch

from depthkit.metrics import METRICS, MORE_METRICS, MetricAverage, RangeTable, boundary_f1, from_sums, pixel_sums

# A pair of depths and the nine metrics that the toolbox computes of it, between 1e-3 and 10 m.
REFERENCE = torch.load(Path(__file__).parent / "data" / "metrics.pt", weights_only=True)


def image_metrics(prediction, target, valid):
    return from_sums(pixel_sums(prediction, target, valid))


def test_the_toolboxs_numbers_are_met():
    target, prediction = REFERENCE["target"][None], REFERENCE["prediction"][None].clamp(1e-3, 10)
    valid = (target > 1e-3) & (target < 10)
    metrics = image_metrics(prediction, target, valid)
    metrics = {name: metrics[name].item() for name in METRICS}
    assert metrics == pytest.approx(REFERENCE["metrics"], rel=1e-5)


def test_by_hand():
    prediction, target = torch.tensor([[[2.0, 3.0]]]), torch.tensor([[[1.0, 4.0]]])
    metrics = {k: v.item() for k, v in image_metrics(prediction, target, torch.ones(1, 1, 2, dtype=bool)).items()}
    first, second = math.log(2), math.log(3 / 4)
    assert metrics == pytest.approx(
        {
            "a1": 0,
            "a2": 0.5,  # 4 / 3 < 1.5625
            "a3": 0.5,  # 2 is more than 1.953
            "abs_rel": (1 + 1 / 4) / 2,
            "rmse": 1,
            "log_10": (first - second) / 2 / math.log(10),
            "rmse_log": math.sqrt((first**2 + second**2) / 2),
            "silog": 100 * math.sqrt((first**2 + second**2) / 2 - ((first + second) / 2) ** 2),
            "sq_rel": (1 + 1 / 4) / 2,
            "a_105": 0,
            "mae": 1,
            "irmse": math.sqrt((500**2 + (1000 / 12) ** 2) / 2),  # 1 / 2 - 1 / 1 and 1 / 3 - 1 / 4 per metre
        }
    )


def test_what_stands_in_other_pixels_does_not_matter():
    prediction, target = torch.tensor([[2.0, math.nan, -1.0]]), torch.tensor([[1.0, 5.0, math.nan]])
    metrics = image_metrics(prediction, target, torch.tensor([[True, False, False]]))
    assert metrics["abs_rel"].item() == 1


@pytest.mark.parametrize("broken", [math.nan, math.inf, 0.0, -1.0])
def test_a_broken_prediction_shows(broken):
    metrics = image_metrics(torch.tensor([[1.0, broken]]), torch.ones(1, 2), torch.ones(1, 2, dtype=bool))
    assert all(value.isnan() for value in metrics.values())


def test_each_image_has_one_vote_and_empty_ones_are_counted():
    target = torch.ones(3, 4)
    prediction = torch.tensor([[2.0, 2.0, 2.0, 2.0], [1.5, 9.0, 9.0, 9.0], [7.0, 7.0, 7.0, 7.0]])
    valid = torch.tensor([[True] * 4, [True, False, False, False], [False] * 4])
    whole, apart = MetricAverage(torch.device("cpu")), MetricAverage(torch.device("cpu"))
    whole.add(prediction, target, valid)
    for index in range(3):
        apart.add(*(values[index : index + 1] for values in (prediction, target, valid)))
    metrics, num_images, num_skipped = whole.compute()
    assert metrics["abs_rel"] == pytest.approx((1 + 0.5) / 2)
    assert (num_images, num_skipped) == (2, 1)
    assert apart.compute()[0] == pytest.approx(metrics)


def test_each_pixel_has_one_vote():
    target = torch.ones(2, 1, 1, 4)
    prediction = torch.tensor([[2.0, 2.0, 2.0, 2.0], [1.5, 9.0, 9.0, 9.0]]).view(2, 1, 1, 4)
    valid = torch.tensor([[True] * 4, [True, False, False, False]]).view(2, 1, 1, 4)
    average = MetricAverage(torch.device("cpu"), per_pixel=True)
    average.add(prediction, target, valid)
    metrics, num_images, _ = average.compute()
    assert metrics["abs_rel"] == pytest.approx((4 * 1 + 0.5) / 5)
    assert metrics["rmse"] == pytest.approx(math.sqrt((4 * 1 + 0.25) / 5))
    assert num_images == 2


def depth_rows(*rows):
    return torch.tensor(rows)[None, None]


def test_edges_by_hand():
    target = depth_rows([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0])
    everywhere = torch.ones_like(target, dtype=bool)
    assert boundary_f1(target, target, everywhere).item() == 1
    assert boundary_f1(3 * target, target, everywhere).item() == 1  # scale does not matter
    assert boundary_f1(1 / target, target, everywhere).item() == 0  # the wrong side is nearer
    # one of two edges is found, and one that is none: precision and recall are a half
    half = depth_rows([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 2.0])
    flat = depth_rows([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0])
    in_rows_only = boundary_f1(half[..., 1:, :], target[..., 1:, :], everywhere[..., 1:, :])
    assert in_rows_only.item() == 0
    assert boundary_f1(half, target, everywhere).item() == pytest.approx(2 * 1 / (2 + 3))
    assert boundary_f1(flat, target, everywhere).item() == pytest.approx(2 * 1 / (2 + 3))
    assert boundary_f1(target, torch.ones_like(target), everywhere).isnan()


def test_weak_edges_weigh_less():
    """An edge of 15 % counts at the ratios from 1.05 to 1.139, the lower five of ten."""
    weak, strong = depth_rows([1.0, 1.15, 1.15]), depth_rows([1.0, 1.3, 1.3])
    ratios = [1.05 + 0.2 * place / 9 for place in range(10)]
    everywhere = torch.ones_like(weak, dtype=bool)
    assert boundary_f1(weak, strong, everywhere).item() == pytest.approx(sum(ratios[:5]) / sum(ratios))
    assert boundary_f1(strong, weak, everywhere).item() == 1  # at higher ratios the target has no edge


def test_ranges_share_the_pixels():
    target = torch.tensor([[1.0, 3.0, 4.0, 0.0]])
    table = RangeTable((0, 2, 5, 10), torch.device("cpu"))
    table.add(torch.tensor([[2.0, 3.0, 5.0, 7.0]]), target, target > 0)
    near, far = table.compute()
    assert (near["from"], near["to"], near["share"], near["abs_rel"]) == (0, 2, pytest.approx(1 / 3), 1)
    assert (far["from"], far["to"], far["share"], far["mae"]) == (2, 5, pytest.approx(2 / 3), 0.5)


def test_more_metrics_only_where_asked_for():
    target = torch.ones(1, 1, 2, 2)
    for more, names in ((False, METRICS), (True, METRICS + MORE_METRICS)):
        average = MetricAverage(torch.device("cpu"), more=more)
        average.add(target, target, target > 0)
        assert tuple(average.compute()[0]) == names
