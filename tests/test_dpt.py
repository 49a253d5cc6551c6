from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.dpt import DPTHead
from depthkit.models.layers import resize
from depthkit.models.losses import Criterion, SigLoss
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/_base_/models/dpt_vit-b16.py"
RANGE = (1e-3, 10.0)


def test_dpt_meets_the_toolbox(tmp_path):
    config, expected = load_config(CONFIG), parity.reference("dpt_vit-b16.json")
    maps, class_tokens = expected.pop("maps"), expected.pop("class_tokens")
    model = MODELS.build(config.model)
    criterion = Criterion({"loss_depth": MODELS.build(config.criterion.loss_depth)})
    parity.assert_meets_the_toolbox(model, criterion, expected, tmp_path)
    with torch.no_grad():
        of_patches = model.eval().backbone(parity.inputs(**parity.INPUT)[0])
    parity.assert_maps([both[:, :768] for both in of_patches], maps)
    for both, class_token in zip(of_patches, class_tokens, strict=True):
        parity.assert_excerpt(both[:, 768:, 2, 3], class_token)


def small_head():
    return DPTHead(16, post_process_channels=[4, 6, 8, 10], channels=12)


@pytest.mark.parametrize("grid", [(4, 6), (7, 9), (1, 1), (2, 5)])
def test_any_grid_of_patches_works(grid):
    """For an odd number of patches the toolbox's maps outgrow the image; here each is enlarged to the next one."""
    depth = small_head()([torch.randn(2, 16, *grid) for _ in range(4)], RANGE)["depth"]
    assert depth.shape == (2, 1, 16 * grid[0], 16 * grid[1])


def test_another_number_of_maps_is_refused():
    with pytest.raises(ValueError, match=r"post_process_channels is \[4, 6\]; give four, fine to coarse"):
        DPTHead(16, post_process_channels=[4, 6], channels=12)


@pytest.mark.parametrize("seed", range(5))
def test_relu_does_not_start_dead(seed):
    torch.manual_seed(seed)
    depth = small_head()([torch.randn(2, 16, 6, 8) for _ in range(4)], RANGE)["depth"]
    assert (depth > 2e-3).float().mean() > 0.99


def test_depth_begins_at_min_depth():
    head = small_head()
    torch.nn.init.constant_(head.output.conv_depth.bias, -100.0)
    depth = head([torch.randn(1, 16, 2, 2) for _ in range(4)], RANGE)["depth"]
    assert torch.equal(depth, torch.full_like(depth, 1e-3))


def test_a_gradient_reaches_every_parameter():
    head = small_head()
    depth = head([torch.randn(2, 16, 3, 5) for _ in range(4)], RANGE)["depth"]
    SigLoss()({"depth": resize(depth, (40, 64))}, {"depth": torch.rand(2, 1, 40, 64) + 1}, 0).backward()
    assert [name for name, parameter in head.named_parameters() if not parameter.grad.any()] == []
