import logging
import math

import pytest
import torch

from depthkit.models.backbones.dinov2 import DINOv2, SwiGLU, resize_positions
from depthkit.models.weights import load_backbone, to_our_names

SIZES = {"vits": (384, 12), "vitb": (768, 12), "vitl": (1024, 24), "vitg": (1536, 40)}


def hub_shapes(size):
    """The names and shapes in dinov2_vit*14_pretrain.pth."""
    channels, num_blocks = SIZES[size]
    shapes = {"cls_token": (1, 1, channels), "pos_embed": (1, 1370, channels), "mask_token": (1, channels)}
    layers = {"patch_embed.proj": (channels, 3, 14, 14)}
    norms = ["norm"]
    feed_forward = {"fc1": (4 * channels, channels), "fc2": (channels, 4 * channels)}
    if size == "vitg":
        feed_forward = {"w12": (8192, 1536), "w3": (1536, 4096)}
    for block in (f"blocks.{number}" for number in range(num_blocks)):
        norms += [f"{block}.norm1", f"{block}.norm2"]
        shapes |= {f"{block}.ls1.gamma": (channels,), f"{block}.ls2.gamma": (channels,)}
        layers |= {f"{block}.attn.qkv": (3 * channels, channels), f"{block}.attn.proj": (channels, channels)}
        layers |= {f"{block}.mlp.{name}": shape for name, shape in feed_forward.items()}
    shapes |= {f"{name}.weight": (channels,) for name in norms} | {f"{name}.bias": (channels,) for name in norms}
    shapes |= {f"{name}.weight": shape for name, shape in layers.items()}
    return shapes | {f"{name}.bias": shape[:1] for name, shape in layers.items()}


def test_a_file_with_registers_is_refused(tmp_path):
    state = {name: torch.zeros(shape) for name, shape in hub_shapes("vits").items()}
    torch.save(state | {"register_tokens": torch.zeros(1, 4, 384)}, tmp_path / "reg4.pth")
    with pytest.raises(ValueError, match="reg4.pth is of DINOv2 with registers"):
        load_backbone(DINOv2("vits"), str(tmp_path / "reg4.pth"))


@pytest.mark.parametrize(
    ("size", "num_weights", "millions"),
    [("vits", 175, 22.06), ("vitb", 175, 86.58), ("vitl", 343, 304.37), ("vitg", 567, 1136.48)],
)
def test_every_weight_of_the_hub_finds_its_place(size, num_weights, millions):
    shapes = hub_shapes(size)
    assert len(shapes) == num_weights
    assert sum(map(math.prod, shapes.values())) / 1e6 == pytest.approx(millions, abs=0.01)
    renamed = to_our_names({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    with torch.device("meta"):
        own = DINOv2(size).state_dict()
    assert {name: value.shape for name, value in renamed.items()} == {name: own[name].shape for name in own}
    assert len(own) == num_weights - 1  # without mask_token, which serves pre-training alone


def test_a_file_of_the_hub_loads_without_a_remainder(tmp_path, caplog):
    torch.save({name: torch.full(shape, 0.5) for name, shape in hub_shapes("vits").items()}, tmp_path / "hub.pth")
    backbone = DINOv2("vits")
    with caplog.at_level(logging.INFO):
        load_backbone(backbone, str(tmp_path / "hub.pth"))
    assert all((value == 0.5).all() for value in backbone.state_dict().values())
    assert "Loaded 174 of 174 weights" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_positions_of_their_own_grid_stay():
    positions = torch.randn(1, 1370, 8)
    assert resize_positions(positions, (37, 37)) is positions


@pytest.mark.parametrize("grid", [(1, 1), (7, 9), (37, 49), (25, 87)])
def test_positions_fit_any_grid(grid):
    positions = torch.full((1, 1370, 8), 2.0)
    assert torch.allclose(resize_positions(positions, grid), torch.full((1, 1 + grid[0] * grid[1], 8), 2.0))


def test_swiglu_by_hand():
    layer = SwiGLU(3)
    assert layer.w12.weight.shape == (16, 3)  # 2 / 3 of 12 is 8, twice
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    layer.w12.bias.data[:8], layer.w12.bias.data[8:] = 2.0, 3.0
    layer.w3.weight.data.fill_(1.0)
    expected = 8 * 3 * 2 / (1 + math.exp(-2))
    torch.testing.assert_close(layer(torch.randn(1, 5, 3)), torch.full((1, 5, 3), expected))


def test_any_size_works():
    backbone = DINOv2("vits")
    assert [tuple(value.shape) for value in backbone(torch.randn(1, 3, 45, 61))] == [(1, 384, 3, 4)] * 4
    assert backbone.channels == [384] * 4


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="DINOv2 has no size 'small'; use one of vits, vitb, vitl, vitg"):
        DINOv2("small")
