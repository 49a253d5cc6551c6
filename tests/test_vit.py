import logging

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from depthkit.models.backbones.vit import VisionTransformer, fit_to_patches, resize_positions
from depthkit.models.weights import fit_positions, load_backbone, to_our_names


def test_torchvisions_vit_is_met(tmp_path):
    """The same weights give the same tokens as torchvision's ViT, from the names that its published files have too."""
    torch.manual_seed(0)
    theirs = get_model("vit_b_16", weights=None).eval()
    for module in theirs.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-5  # ours is the toolbox's, torchvision's is 1e-6
    nn.init.normal_(theirs.class_token)
    published = {
        name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): value
        for name, value in theirs.state_dict().items()
    }
    torch.save(published, tmp_path / "vit_b_16.pth")
    ours = VisionTransformer("b16").eval()
    load_backbone(ours, str(tmp_path / "vit_b_16.pth"))
    image = torch.randn(1, 3, 224, 224)
    taken = []
    theirs.encoder.ln.register_forward_pre_hook(lambda module, inputs: taken.append(inputs[0]))
    with torch.no_grad():
        theirs(image)
        maps = ours(image)
    assert [tuple(value.shape) for value in maps] == [(1, 1536, 14, 14)] * 4
    class_token, patches = taken[0][:, 0], taken[0][:, 1:]
    torch.testing.assert_close(maps[-1][:, :768].flatten(2).transpose(1, 2), patches, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps[-1][:, 768:, 3, 5], class_token, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("size", "channels", "num_blocks"), [("b16", 768, 12), ("l16", 1024, 24)])
def test_timms_names(size, channels, num_blocks):
    shapes = {"cls_token": (1, 1, channels), "pos_embed": (1, 197, channels)}
    shapes |= {"patch_embed.proj.weight": (channels, 3, 16, 16), "patch_embed.proj.bias": (channels,)}
    layers = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for block in range(num_blocks):
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{norm}.{part}": (channels,) for part in ("weight", "bias")}
        for name, (rows, columns) in layers.items():
            shapes[f"blocks.{block}.{name}.weight"] = (rows * channels, columns * channels)
            shapes[f"blocks.{block}.{name}.bias"] = (rows * channels,)
    renamed = to_our_names({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    with torch.device("meta"):
        own = VisionTransformer(size).state_dict()
    assert {name: value.shape for name, value in renamed.items()} == {name: own[name].shape for name in own}


def test_positions_of_another_grid_are_resized_while_loading(caplog):
    """Where positions rise evenly from left to right, they do so on any grid, but for the borders' half patch."""
    ramp = torch.arange(24.0).expand(24, 24).reshape(1, 576, 1)
    positions = torch.cat([torch.full((1, 1, 1), 7.0), ramp], dim=1)
    with caplog.at_level(logging.INFO):
        fitted = fit_positions(positions, 1 + 12 * 12)
    assert "Positions of 24 x 24 patches are resized to 12 x 12" in caplog.text
    assert fitted[0, 0, 0] == 7
    rows = fitted[0, 1:, 0].view(12, 12)
    torch.testing.assert_close(rows[:, 1:-1], (2 * torch.arange(12.0) + 0.5).expand(12, 12)[:, 1:-1])
    assert fit_positions(positions, 577) is positions
    two_tokens = torch.zeros(1, 578, 1)  # distilled ViTs have a second token, which this one knows nothing of
    assert fit_positions(two_tokens, 197) is two_tokens


def test_positions_of_their_own_grid_stay():
    positions = torch.randn(1, 197, 8)
    torch.testing.assert_close(resize_positions(positions, (14, 14)), positions)


@pytest.mark.parametrize(("size", "expected"), [((50, 70), (48, 64)), ((57, 73), (64, 80)), ((5, 32), (16, 32))])
def test_images_go_to_the_nearest_multiple_of_a_patch(size, expected):
    assert fit_to_patches(torch.randn(1, 3, *size), 16).shape[-2:] == expected


def test_images_of_whole_patches_stay():
    image = torch.randn(1, 3, 48, 32)
    assert fit_to_patches(image, 16) is image


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="VisionTransformer has no size 'h14'; use one of b16, l16"):
        VisionTransformer("h14")
