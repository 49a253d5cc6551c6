import math
from pathlib import Path

import pytest
import torch

from depthkit.metrics import METRICS, MetricAverage, image_metrics

# A pair of depths and the nine metrics that the toolbox computes of it, between 1e-3 and 10 m.
REFERENCE = torch.load(Path(__file__).parent / "data" / "metrics.pt", weights_only=True)


def test_the_toolboxs_numbers_are_met():
    target, prediction = REFERENCE["target"][None], REFERENCE["prediction"][None].clamp(1e-3, 10)
    valid = (target > 1e-3) & (target < 10)
    metrics = {name: value.item() for name, value in image_metrics(prediction, target, valid).items()}
    assert tuple(metrics) == METRICS
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
