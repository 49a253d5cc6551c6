from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.newcrfs import NeWCRFsHead
from depthkit.models.losses import Criterion
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/newcrfs/newcrfs_swinl_nyu.py"
CHANNELS = [48, 96, 192, 384]


@pytest.fixture
def small():
    """The recipe's model with a quarter of the backbone's channels, and its criterion."""
    config = load_config(CONFIG)
    config.model.backbone.update(embed_dims=48, depths=(2, 2, 2, 2), num_heads=(2, 4, 8, 16), drop_path_rate=0.0)
    config.model.neck.update(in_channels=CHANNELS)
    config.model.decode_head.update(in_channels=CHANNELS)
    return MODELS.build(config.model), Criterion({"loss_depth": MODELS.build(config.criterion.loss_depth)})


def test_the_toolbox_is_met(small, tmp_path):
    parity.assert_meets_the_toolbox(*small, parity.reference("newcrfs_small.json"), tmp_path)


@pytest.mark.parametrize("size", [(112, 144), (33, 65), (70, 30)])
def test_any_size_will_do(small, size):
    """The toolbox's head fails where a map is not a multiple of the next coarser one: the first size here."""
    model = small[0].eval()
    with torch.no_grad():
        depth = model(torch.zeros(1, 3, *size, dtype=torch.uint8))["depth"]
    assert all(0 <= have - want < 4 for have, want in zip(depth.shape[-2:], size, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_relu_does_not_start_dead(seed):
    torch.manual_seed(seed)
    head = NeWCRFsHead([4, 4, 4, 4], crf_channels=(32, 32, 32, 32), context_channels=8, window_size=3)
    maps = [torch.randn(1, 4, size, size) for size in (16, 8, 4, 2)]
    depth = head([*maps, torch.randn(1, 8, 2, 2)], (1e-3, 10.0))["depth"]
    assert (depth > 2e-3).float().mean() > 0.99
