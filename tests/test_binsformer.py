from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.losses import Criterion
from depthkit.registry import MODELS

CONFIGS = Path(__file__).parents[1] / "configs" / "binsformer"
# a convolution of the head, a projection of places and a norm, that the toolbox has and that get no gradient there
UNUSED = (256 * 9 + 1) + (2 * 256 + 2) + 2 * 256


def test_the_toolbox_is_met(tmp_path):
    config = load_config(CONFIGS / "binsformer_swint_nyu.py")
    criterion = Criterion({name: MODELS.build(loss) for name, loss in config.criterion.items()})
    expected = parity.reference("binsformer_swint.json")
    expected["num_params"] -= UNUSED
    model = parity.without_dropout(MODELS.build(config.model))
    parity.assert_meets_the_toolbox(model, criterion, expected, tmp_path, {"class_label": torch.tensor([3, 17])})


def test_the_toolboxs_older_names_are_known(tmp_path):
    config = load_config(CONFIGS / "binsformer_swint_nyu.py")
    expected = parity.reference("binsformer_swint.json")
    names = {name: name.replace("transformer_decoder.", "transformer_decoder.decoder.") for name in expected["shapes"]}
    expected["shapes"] = {names[name]: shape for name, shape in expected["shapes"].items()}
    parity.save_weights(expected, tmp_path / "old.pth")
    assert parity.load_weights(MODELS.build(config.model), tmp_path / "old.pth") == []


@pytest.mark.parametrize("size", [(33, 65), (112, 144)])
def test_without_classes_any_size_will_do(size):
    config = load_config(CONFIGS / "binsformer_swinl_kitti.py")
    config.model.backbone.update(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
    config.model.decode_head.update(in_channels=[24, 48, 96, 192], channels=32)
    model = MODELS.build(config.model).eval()
    with torch.no_grad():
        outputs = model(torch.zeros(1, 3, *size, dtype=torch.uint8))
    assert outputs["depth"].shape[-2:] == tuple((length + 3) // 4 for length in size)
    assert 0 < outputs["depth"].min() <= outputs["depth"].max() < 80
    assert outputs["bin_edges"].shape == (1, 65)
    torch.testing.assert_close(outputs["bin_edges"][0, [0, -1]], torch.tensor([1e-3, 80.0]))
    assert "class_logits" not in outputs
