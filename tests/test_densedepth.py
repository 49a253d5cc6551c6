import math
from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.densedepth import DenseDepthHead, bin_centres, normalise
from depthkit.models.losses import Criterion, SigLoss
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/_base_/models/resnet_densedepth.py"
RANGE = (1e-3, 10.0)


def test_resnet_densedepth_meets_the_toolbox(tmp_path):
    criterion = Criterion({"loss_depth": SigLoss()})
    expected = parity.reference("resnet50_densedepth.json")
    parity.assert_meets_the_toolbox(MODELS.build(load_config(CONFIG).model), criterion, expected, tmp_path)


def test_spaced_bins():
    assert torch.allclose(bin_centres("UD", 5, (1.0, 9.0)), torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0]))
    assert torch.allclose(bin_centres("SID", 5, (1e-3, 10.0)), torch.tensor([1e-3, 1e-2, 1e-1, 1.0, 10.0]))


def test_norms_by_hand():
    logits = torch.tensor([-1.0, 0.9, 0.0])[None, :, None, None]
    weights = {norm: normalise(logits, norm).flatten().tolist() for norm in ("linear", "softmax", "sigmoid")}
    assert weights["linear"] == pytest.approx([0.1 / 1.2, 1.0 / 1.2, 0.1 / 1.2])
    powers = [math.exp(-1.0), math.exp(0.9), 1.0]
    assert weights["softmax"] == pytest.approx([power / sum(powers) for power in powers])
    sigmoids = [power / (1 + power) for power in powers]
    assert weights["sigmoid"] == pytest.approx([value / sum(sigmoids) for value in sigmoids])


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"output": "sigmoid"}, 10 / (1 + math.exp(-2))),
        ({"output": "relu"}, 1e-3 + 2),
        ({"output": "bins", "num_bins": 4}, (1e-3 + 10) / 2),
        (
            {"output": "bins", "num_bins": 4, "bins": "SID", "norm": "softmax"},
            (1e-3 + 10 ** (-5 / 3) + 10 ** (-1 / 3) + 10) / 4,
        ),
    ],
)
def test_output_forms(keywords, expected):
    """The last convolution says 2 everywhere, in every bin: the bins then weigh the same."""
    head = DenseDepthHead([4, 8], [4, 8], **keywords)
    torch.nn.init.zeros_(head.conv_depth.weight)
    torch.nn.init.constant_(head.conv_depth.bias, 2.0)
    features = [torch.randn(2, 4, 6, 10), torch.randn(2, 8, 3, 5)]
    depth = head(features, RANGE)["depth"]
    assert depth.shape == (2, 1, 6, 10)
    torch.testing.assert_close(depth, torch.full_like(depth, expected))


@pytest.mark.parametrize("seed", range(5))
def test_relu_does_not_start_dead(seed):
    torch.manual_seed(seed)
    head = DenseDepthHead([16, 32, 64], [16, 32, 64], output="relu")
    features = [torch.randn(2, 16, 24, 32), torch.randn(2, 32, 12, 16), torch.randn(2, 64, 6, 8)]
    depth = head(features, RANGE)["depth"]
    assert (depth > 2e-3).float().mean() > 0.99


@pytest.mark.parametrize("name", ["output", "bins", "norm"])
def test_unknown_names_are_refused_at_once(name):
    with pytest.raises(ValueError, match=rf"decode_head.{name} is 'cubic'; use one of"):
        DenseDepthHead([4, 8], [4, 8], **{name: "cubic"})


def test_a_list_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"in_channels \[4, 8\] and channels \[4\] differ in length"):
        DenseDepthHead([4, 8], [4])
