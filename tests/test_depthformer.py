from pathlib import Path

import parity
import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from depthkit.config import load_config
from depthkit.models.losses import Criterion
from depthkit.models.weights import load_weights
from depthkit.optim import build_optimizer, build_schedule, set_lr
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/depthformer/depthformer_swint_nyu.py"
EXPECTED = parity.reference("depthformer_small.json")
CHANNELS = [64, 24, 48, 96, 192]


@pytest.fixture
def small():
    """The recipe's model with a quarter of the channels, and its criterion."""
    config = load_config(CONFIG)
    config.model.backbone.update(embed_dims=24, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8), drop_path_rate=0.0)
    config.model.neck.update(in_channels=CHANNELS)
    config.model.decode_head.update(in_channels=CHANNELS, channels=CHANNELS)
    model = parity.without_dropout(MODELS.build(config.model))
    return model, Criterion({"loss_depth": MODELS.build(config.criterion.loss_depth)}), config


def test_the_toolbox_is_met(small, tmp_path):
    model, criterion, _ = small
    parity.assert_meets_the_toolbox(model, criterion, EXPECTED, tmp_path)


def test_ten_steps_of_the_toolbox(small, tmp_path):
    model, criterion, config = small
    parity.save_weights(EXPECTED, tmp_path / "toolbox.pth")
    load_weights(model, tmp_path / "toolbox.pth")
    model.train()
    optimizer = build_optimizer(model, config.optimizer)
    lr_config = {**config.lr_config, "warmup_iters": 4}
    schedule = build_schedule(lr_config, base_lr=config.optimizer.lr, total_steps=10, steps_per_epoch=10)
    for step, expected in enumerate(EXPECTED["trajectory"]):
        image, depth = parity.inputs(**{**parity.INPUT, "seed": 100 + step})
        set_lr(optimizer, schedule(step))
        loss = criterion(model.predict(image), {"depth": depth}, step)["loss_depth"]
        loss.backward()
        norm = clip_grad_norm_(model.parameters(), config.optimizer_config.grad_clip.max_norm)
        assert schedule(step) == pytest.approx(expected["lr"], rel=1e-6)
        assert loss.item() == pytest.approx(expected["loss"], rel=1e-4)
        assert norm.item() == pytest.approx(expected["grad_norm"], rel=1e-3)
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("size", [(33, 70), (64, 64)])
def test_any_size_works(small, size):
    model, _, _ = small
    image = torch.zeros(1, 3, *size, dtype=torch.uint8)
    assert model.eval()(image)["depth"].shape == (1, 1, (size[0] + 1) // 2, (size[1] + 1) // 2)
