import math
from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.bts import planar_depth
from depthkit.models.losses import Criterion
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/_base_/models/bts_r50.py"


def test_the_toolbox_is_met(tmp_path):
    config = load_config(CONFIG)
    criterion = Criterion({"loss_depth": MODELS.build(config.criterion.loss_depth)})
    parity.assert_meets_the_toolbox(MODELS.build(config.model), criterion, parity.reference("bts_r50.json"), tmp_path)


def test_depth_of_planes_by_hand():
    """A plane that faces the camera is as far everywhere; one that is turned is nearer at one side."""
    logit = lambda share: math.log(share / (1 - share))  # noqa: E731
    numbers = torch.tensor([-40.0, 0.0, logit(0.4)])[None, :, None, None]
    torch.testing.assert_close(planar_depth(numbers, 4), torch.full((1, 1, 4, 4), 0.4))
    numbers = torch.tensor([logit(0.5), -40.0, logit(0.4)])[None, :, None, None].expand(-1, -1, 2, 3)
    depth = planar_depth(numbers, 2)  # turned by 30 degrees to the right, where u is 1/4
    right = 0.4 / (math.sin(math.pi / 6) / 4 + math.cos(math.pi / 6))
    left = 0.4 / (-math.sin(math.pi / 6) / 4 + math.cos(math.pi / 6))
    torch.testing.assert_close(depth, torch.tensor([left, right] * 3).expand(1, 1, 4, 6))


def test_a_size_that_does_not_fit_says_which_does():
    model = MODELS.build(load_config(CONFIG).model).eval()
    with pytest.raises(ValueError, match="multiples of 32, but got about 64 x 72: resize"):
        model(torch.zeros(1, 3, 64, 72, dtype=torch.uint8))
