import math
import statistics
from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.densedepth import DenseDepthHead, bin_centres, normalise
from depthkit.models.layers import resize
from depthkit.models.losses import SigLoss
from depthkit.models.weights import load_weights, to_our_names
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/_base_/models/resnet_densedepth.py"
RANGE = (1e-3, 10.0)


def test_resnet_densedepth_meets_the_toolbox(tmp_path):
    expected = parity.reference("resnet50_densedepth.json")
    parity.save_weights(expected, tmp_path / "toolbox.pth")
    model = MODELS.build(load_config(CONFIG).model)
    load_weights(model, tmp_path / "toolbox.pth")
    assert sum(parameter.numel() for parameter in model.parameters()) == expected["num_params"]

    image, depth = parity.inputs(**parity.INPUT)
    model.eval()
    with torch.no_grad():
        parity.assert_maps(model.backbone(image), expected["maps"])
        prediction = model.predict(image)
        full_size = resize(prediction["depth"], (96, 128))
        parity.assert_excerpt(full_size, expected["prediction"])
        mirrored = resize(model.predict(image.flip(-1))["depth"], (96, 128)).flip(-1)
        parity.assert_excerpt((full_size + mirrored) / 2, expected["flip_average"])
        loss = SigLoss()(prediction, {"depth": depth}, 0)
        assert loss.item() == pytest.approx(expected["eval_loss"], rel=1e-4)

    model.train()
    loss = SigLoss()(model.predict(image), {"depth": depth}, 0)
    loss.backward()
    assert loss.item() == pytest.approx(expected["train_loss"], rel=1e-4)
    norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    total = math.hypot(*norms.values())
    assert total == pytest.approx(expected["total_grad_norm"], rel=1e-3)
    of_reference = to_our_names({name: torch.tensor(norm) for name, norm in expected["grad_norm"].items()})
    errors = {name: abs(norms[name] / norm.item() - 1) for name, norm in of_reference.items()}
    assert errors.keys() == norms.keys()
    assert statistics.median(errors.values()) < 1e-3
    # single norms are less certain than that: noise of 1e-7 in the image moves some by 5e-3, another CPU does too
    assert max(errors.values()) < 1e-2


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
