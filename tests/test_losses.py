import math
from pathlib import Path

import pytest
import torch
from ranks import run_ranks

from depthkit import distributed
from depthkit.models.losses import (
    BinsChamferLoss,
    ClassLoss,
    Criterion,
    GradientLoss,
    LayerLoss,
    ScaleShiftInvariantLoss,
    SigLoss,
)

# Values and gradients of the toolbox's SigLoss on one pair of depth maps.
REFERENCE = torch.load(Path(__file__).parent / "data" / "sigloss.pt", weights_only=True)


def loss_and_gradient(prediction, target, step=0, **keywords):
    prediction = prediction.clone().requires_grad_()
    loss = SigLoss(**keywords)({"depth": prediction}, {"depth": target}, step)
    loss.backward()
    return loss.item(), prediction.grad


@pytest.mark.parametrize(("case", "keywords"), [("default", {}), ("w10", {"loss_weight": 10.0}), ("max_depth5", {})])
def test_values_and_gradients_meet_the_toolbox(case, keywords):
    target = REFERENCE["target"]
    if case == "max_depth5":
        target = target.where(target <= 5, 0)  # here the dataset, not the loss, says what is too far
    value, gradient = loss_and_gradient(REFERENCE["prediction"], target, **keywords)
    assert value == pytest.approx(REFERENCE[case]["value"], rel=1e-5)
    torch.testing.assert_close(gradient, REFERENCE[case]["gradient"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("step", range(5))
def test_warm_up_meets_the_toolbox(step):
    # a sequence of five steps, three of them warm-up, each prediction 10 cm farther than the last
    value, _ = loss_and_gradient(REFERENCE["prediction"] + 0.1 * step, REFERENCE["target"], step, warm_up_steps=3)
    assert value == pytest.approx(REFERENCE["warm_up"][step], rel=1e-4)


def test_by_hand():
    prediction = torch.tensor([[[[1.0, 2.0, 4.0]]]]) - 1e-3
    target = torch.tensor([[[[1.0, 1.0, 0.0]]]]) - torch.tensor([1e-3, 1e-3, 0.0])
    # g = 0 and log 2; unbiased variance log(2)^2 / 2, mean log(2) / 2
    log2 = torch.tensor(2.0).log().item()
    value, gradient = loss_and_gradient(prediction, target)
    assert value == pytest.approx((log2**2 / 2 + 0.15 * log2**2 / 4) ** 0.5, rel=1e-5)
    assert gradient[0, 0, 0, 2] == 0


@pytest.mark.parametrize("num_valid", [0, 1])
@pytest.mark.parametrize("warm_up_steps", [0, 9])
def test_too_few_valid_pixels_give_zero_and_no_gradient(num_valid, warm_up_steps):
    target = torch.zeros(2, 1, 4, 4)
    target.view(-1)[:num_valid] = 3.0
    value, gradient = loss_and_gradient(torch.rand(2, 1, 4, 4) + 1, target, warm_up_steps=warm_up_steps)
    assert value == 0
    assert (gradient == 0).all()


def test_a_perfect_prediction_has_a_finite_gradient():
    target = torch.rand(2, 1, 4, 4) + 1
    value, gradient = loss_and_gradient(target, target)
    assert value < 1e-5
    assert gradient.isfinite().all()


def test_a_prediction_of_half_precision_and_another_size():
    target = torch.full((1, 1, 8, 8), 2.0)
    value, _ = loss_and_gradient(torch.full((1, 1, 4, 4), 4.0, dtype=torch.bfloat16), target)
    assert value == pytest.approx(0.15**0.5 * torch.tensor(4.001 / 2.001).log().item(), rel=1e-4)


def test_criterion_names_and_weighs():
    criterion = Criterion({"loss_depth": SigLoss(2.0), "loss_other": SigLoss(1.0)})
    losses = criterion({"depth": REFERENCE["prediction"]}, {"depth": REFERENCE["target"]}, 0)
    assert list(losses) == ["loss_depth", "loss_other"]
    assert losses["loss_depth"].item() == pytest.approx(2 * losses["loss_other"].item())
    with pytest.raises(ValueError, match="criterion is empty"):
        Criterion({})


def gradient_loss(error, target, **keywords):
    """GradientLoss where log prediction - log target is `error`."""
    prediction = (target + 1e-3) * error.exp() - 1e-3
    return GradientLoss(**keywords)({"depth": prediction}, {"depth": target}, 0).item()


def test_gradients_of_a_slope_by_hand():
    """An error that grows by 0.1 a column: 15 differences of 0.1 in a row of 16, then 7 of 0.2, 3 of 0.4, 1 of 0.8."""
    error, target = 0.1 * torch.arange(16.0).expand(1, 1, 16, 16), torch.full((1, 1, 16, 16), 2.0)
    expected = 15 / 16 * 0.1 + 7 / 8 * 0.2 + 3 / 4 * 0.4 + 1 / 2 * 0.8
    assert gradient_loss(error, target) == pytest.approx(expected, rel=1e-4)
    assert gradient_loss(error.transpose(2, 3), target, loss_weight=0.5) == pytest.approx(expected / 2, rel=1e-4)


def test_gradients_count_only_between_measured_pixels():
    # measured: columns 0, 1 and 3. One pair at the first scale, of 0.3 in each of 2 rows; none at the others, where
    # columns 0 and 2 are left, and rows 0
    error = torch.tensor([0.0, 0.3, 9.0, 5.0]).expand(1, 1, 2, 4)
    target = torch.tensor([1.0, 1.0, 0.0, 1.0]).expand(1, 1, 2, 4)
    assert gradient_loss(error, target) == pytest.approx(2 * 0.3 / 6, rel=1e-4)


def shape_loss(prediction, target):
    """ScaleShiftInvariantLoss of depths whose inverses are `prediction` and `target`, 0 where not measured."""
    target = torch.where(target > 0, 1 / target, 0.0)
    return ScaleShiftInvariantLoss()({"depth": 1 / prediction}, {"depth": target}, 0)


def test_shape_is_free_of_scale_and_shift():
    target = torch.rand(2, 1, 6, 8) + 0.5
    assert shape_loss(3 * target + 0.2, target).item() == pytest.approx(0, abs=1e-8)


def test_shape_by_hand():
    """Prediction 1 2 3 and target 1 3 2, less their means -1 0 1 and -1 1 0: the scale is 1/2, the rest 1/2 -1 1/2."""
    prediction = torch.tensor([[[[1.0, 2.0, 3.0, 7.0]]]])
    target = torch.tensor([[[[1.0, 3.0, 2.0, 0.0]]]])
    assert shape_loss(prediction, target).item() == pytest.approx((0.25 + 1 + 0.25) / 3 / 2, rel=1e-4)


STRUCTURE_LOSSES = pytest.mark.parametrize("loss", [GradientLoss(), ScaleShiftInvariantLoss()])


@STRUCTURE_LOSSES
@pytest.mark.parametrize("num_valid", [0, 1, 2])
@pytest.mark.parametrize("flat", [True, False])
def test_losses_of_structure_are_finite_where_there_is_none(loss, num_valid, flat):
    target = torch.zeros(2, 1, 4, 4)
    target.view(-1)[:num_valid] = 3.0
    prediction = (torch.full((2, 1, 4, 4), 2.0) if flat else torch.rand(2, 1, 4, 4) + 1).requires_grad_()
    value = loss({"depth": prediction}, {"depth": target}, 0)
    value.backward()
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert prediction.grad.isfinite().all()
    if num_valid < 2:
        assert value == 0


@STRUCTURE_LOSSES
def test_losses_of_structure_do_not_depend_on_how_images_are_split(loss):
    prediction, target = REFERENCE["prediction"].clone(), REFERENCE["target"].clone()
    target[1, :, ::2] = 0  # images of unequal numbers of measured pixels
    together = loss({"depth": prediction}, {"depth": target}, 0)
    apart = [loss({"depth": prediction[i : i + 1]}, {"depth": target[i : i + 1]}, 0) for i in range(2)]
    assert together.item() == pytest.approx(sum(value.item() for value in apart) / 2, rel=1e-5)


@STRUCTURE_LOSSES
def test_losses_of_structure_take_half_precision_and_another_size(loss):
    prediction = (torch.rand(1, 1, 4, 4) + 1).bfloat16()
    value = loss({"depth": prediction}, {"depth": torch.rand(1, 1, 8, 8) + 1}, 0)
    assert value.dtype == torch.float32
    assert value > 0


def rank_pooled(_):
    """The gradient that each rank's images get, averaged over ranks as data parallelism does to weights."""
    shares = [slice(0, 1), slice(1, 2)]
    share = shares[distributed.rank()]
    value, gradient = loss_and_gradient(REFERENCE["prediction"][share], REFERENCE["target"][share])
    empty, _ = loss_and_gradient(REFERENCE["prediction"][share], REFERENCE["target"][share] * (1 - distributed.rank()))
    return {"value": value, "gradient": gradient / 2, "one rank empty": empty}


def test_statistics_are_pooled_over_ranks(tmp_path):
    first, second = run_ranks(2, __file__, tmp_path)["pooled"]
    assert first["value"] == second["value"] == pytest.approx(REFERENCE["default"]["value"], rel=1e-6)
    gradient = torch.cat([first["gradient"], second["gradient"]])
    torch.testing.assert_close(gradient, REFERENCE["default"]["gradient"], rtol=1e-4, atol=1e-7)
    alone, _ = loss_and_gradient(REFERENCE["prediction"][:1], REFERENCE["target"][:1])
    assert first["one rank empty"] == second["one rank empty"] == pytest.approx(alone, rel=1e-6)


def test_chamfer_meets_the_toolbox():
    expected = torch.load(Path(__file__).parent / "data" / "chamfer.pt", weights_only=True)
    edges = expected["edges"].requires_grad_()
    loss = BinsChamferLoss(loss_weight=0.1)({"bin_edges": edges}, {"depth": expected["target"]}, 0)
    loss.backward()
    assert loss.item() == pytest.approx(expected["value"], rel=1e-5)
    torch.testing.assert_close(edges.grad, expected["grad"], rtol=1e-4, atol=1e-7)


def test_chamfer_by_hand():
    """Centres 1 and 3; depths 1.5 and 6: 0.5 and 1.5 from the centres, 0.5 and 3 from the depths."""
    edges = torch.tensor([[0.0, 2.0, 4.0]])
    loss = BinsChamferLoss()({"bin_edges": edges}, {"depth": torch.tensor([[[[1.5, 0.0, 6.0]]]])}, 0)
    assert loss.item() == pytest.approx((0.5**2 + 1.5**2) / 2 + (0.5**2 + 3**2) / 2)


def test_chamfer_without_depth_is_nothing():
    edges = torch.tensor([[0.0, 2.0, 4.0], [0.0, 1.0, 4.0]], requires_grad=True)
    depth = torch.zeros(2, 1, 3, 3)
    depth[0, 0, 0, 0] = 1.0
    loss = BinsChamferLoss()({"bin_edges": edges}, {"depth": depth}, 0)
    loss.backward()
    assert edges.grad.isfinite().all()
    assert not edges.grad[1].any()


def test_class_loss_by_hand():
    outputs = {"class_logits": torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])}
    loss = ClassLoss(loss_weight=0.5)(outputs, {"class_label": torch.tensor([1, 0])}, 0)
    expected = 0.5 * (math.log(3) + math.log(math.exp(2) + 2) - 2) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_what_a_loss_misses_is_named():
    criterion = Criterion({"loss_ce": ClassLoss()})
    with pytest.raises(ValueError, match="criterion.loss_ce looks at 'class_label', but .* gives class_logits and"):
        criterion({"class_logits": torch.zeros(1, 2)}, {"depth": torch.ones(1, 1, 2, 2)}, 0)


def test_the_weight_of_the_mean():
    prediction, target = torch.full((1, 1, 4, 4), 2.0), torch.full((1, 1, 4, 4), 1.0)
    loss = SigLoss(mean_weight=0.5)({"depth": prediction}, {"depth": target}, 0)
    assert loss.item() == pytest.approx(math.sqrt(0.5) * math.log(2.001 / 1.001), rel=1e-5)  # no variance


def test_layer_loss_looks_at_its_layer():
    batch, depth = {"depth": torch.full((1, 1, 2, 2), 2.0)}, torch.full((1, 1, 2, 2), 3.0)
    outputs = {"depth": batch["depth"], "layers": {2: {"depth": depth}, 5: {"depth": batch["depth"]}}}
    at_2, at_5 = (LayerLoss(SigLoss(), layer)(outputs, batch, 0).item() for layer in (2, 5))
    assert at_2 == SigLoss()({"depth": depth}, batch, 0).item()
    assert at_5 < 1e-5 < at_2
