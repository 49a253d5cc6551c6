import parity
import pytest
import torch
from torchvision.models import get_model

from depthkit.models.backbones.swin import SwinTransformer
from depthkit.models.weights import load_backbone


def test_swin_meets_the_toolbox(tmp_path):
    expected = parity.reference("swin.json")
    parity.save_weights(expected, tmp_path / "toolbox.pth")
    backbone = SwinTransformer(embed_dims=48, depths=(2, 2, 2, 2), num_heads=(2, 4, 8, 16)).eval()
    load_backbone(backbone, str(tmp_path / "toolbox.pth"))
    with torch.no_grad():
        # 24 x 32 to 3 x 4 tokens: the last two maps are smaller than a window, and are shifted all the same
        parity.assert_maps(backbone(parity.inputs(**parity.INPUT)[0]), expected["maps"])


def test_torchvisions_swin_is_met(tmp_path):
    """The same weights give the same last map as torchvision's Swin, where the maps are so large that it shifts too."""
    torch.manual_seed(0)
    theirs = get_model("swin_t", weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "swin_t.pth")
    ours = SwinTransformer().eval()
    load_backbone(ours, str(tmp_path / "swin_t.pth"))
    image = torch.randn(1, 3, 256, 288)
    with torch.no_grad():
        maps, expected = ours(image), theirs.norm(theirs.features(image)).permute(0, 3, 1, 2)
    assert [tuple(value.shape) for value in maps] == [
        (1, 96, 64, 72),
        (1, 192, 32, 36),
        (1, 384, 16, 18),
        (1, 768, 8, 9),
    ]
    torch.testing.assert_close(maps[-1], expected, rtol=1e-4, atol=1e-4)


def test_sizes_round_up():
    maps = SwinTransformer(8, (1, 1, 1, 1), (1, 1, 2, 2))(torch.randn(2, 3, 97, 131))
    assert [tuple(value.shape) for value in maps] == [(2, 8, 25, 33), (2, 16, 13, 17), (2, 32, 7, 9), (2, 64, 4, 5)]


def test_drop_path_rises_and_draws_from_the_default_generator():
    backbone = SwinTransformer(8, (2, 2, 2, 2), (1, 1, 2, 2), drop_path_rate=0.7)
    rates = [block.stochastic_depth.p for stage in backbone.stages for block in stage]
    assert rates == pytest.approx([0.1 * block for block in range(8)])
    image = torch.randn(4, 3, 32, 32)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(backbone(image)[-1])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_linear_layers_start_small():
    backbone = SwinTransformer()
    assert backbone.stages[2][0].attn.qkv.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert backbone.merges[1].reduction.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert (backbone.stages[0][0].mlp[0].bias == 0).all()
