import logging

import pytest
import torch

from depthkit.models.backbones.dinov2 import DINOv2
from depthkit.models.backbones.resnet import ResNet
from depthkit.models.backbones.swin import SwinTransformer
from depthkit.models.weights import load_backbone, load_model, load_weights, to_our_names


def official_swin(embed_dims, depths, num_heads):
    """Names and shapes in the authors' files, but for the masks of shifted windows."""
    names = {"patch_embed.proj.weight": (embed_dims, 3, 4, 4), "patch_embed.proj.bias": (embed_dims,)}
    names |= {"patch_embed.norm.weight": (embed_dims,), "patch_embed.norm.bias": (embed_dims,)}
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        width = embed_dims * 2**stage
        for block in range(depth):
            of_block = {f"norm{n}.{kind}": (width,) for n in (1, 2) for kind in ("weight", "bias")}
            of_block |= {"attn.relative_position_bias_table": (169, heads), "attn.relative_position_index": (49, 49)}
            for layer, (rows, columns) in {
                "attn.qkv": (3 * width, width),
                "attn.proj": (width, width),
                "mlp.fc1": (4 * width, width),
                "mlp.fc2": (width, 4 * width),
            }.items():
                of_block |= {f"{layer}.weight": (rows, columns), f"{layer}.bias": (rows,)}
            names |= {f"layers.{stage}.blocks.{block}.{name}": shape for name, shape in of_block.items()}
        if stage < 3:
            merge = {"norm.weight": (4 * width,), "norm.bias": (4 * width,), "reduction.weight": (2 * width, 4 * width)}
            names |= {f"layers.{stage}.downsample.{name}": shape for name, shape in merge.items()}
    return names | {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (1000, width), "head.bias": (1000,)}


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((96, (2, 2, 6, 2), (3, 6, 12, 24)), 185),
        ((96, (2, 2, 18, 2), (3, 6, 12, 24)), 353),
        ((128, (2, 2, 18, 2), (4, 8, 16, 32)), 353),
        ((192, (2, 2, 18, 2), (6, 12, 24, 48)), 353),
    ],
    ids=["T", "S", "B", "L"],
)
def test_every_weight_of_the_official_swins_finds_its_place(size, count):
    official = official_swin(*size)
    assert len(official) == count  # as counted in the published files
    with torch.device("meta"):
        ours = {name: tuple(value.shape) for name, value in SwinTransformer(*size).state_dict().items()}
        found = to_our_names({name: torch.empty(shape) for name, shape in official.items()})
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    # the classifier and its norm are not for us, and each of our four maps has a norm of its own
    left_over = {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert shapes.keys() & left_over == left_over
    expected = {name: shape for name, shape in ours.items() if "norms." not in name and "position_index" not in name}
    assert {name: shape for name, shape in shapes.items() if name not in left_over} == expected


def test_a_file_of_swins_authors_is_loaded(tmp_path, caplog):
    size = (24, (2, 2, 2, 2), (1, 2, 4, 8))
    torch.manual_seed(0)
    official = {name: torch.randn(shape) for name, shape in official_swin(*size).items()}
    torch.save({"model": official}, tmp_path / "official.pth")
    ours = SwinTransformer(*size)
    with caplog.at_level(logging.INFO):
        load_backbone(ours, str(tmp_path / "official.pth"))
    torch.testing.assert_close(ours.stages[2][1].mlp[3].weight, official["layers.2.blocks.1.mlp.fc2.weight"])
    assert "8 weights are not in the file, so they keep their start: norms.0.bias, norms.0.weight" in caplog.text
    assert "4 weights are in the file, but not in the model: head.bias, head.weight, norm.bias" in caplog.text


def test_what_does_not_fit_is_said(tmp_path, caplog):
    backbone = ResNet(18)
    state = {f"module.backbone.{name}": value for name, value in backbone.state_dict().items()}
    state["module.backbone.conv1.weight"] = torch.zeros(64, 1, 7, 7)
    torch.save({"state_dict": state}, tmp_path / "other.pth")
    load_backbone(ResNet(18), str(tmp_path / "other.pth"))
    assert "1 weights are of another shape, so they keep their start: conv1.weight" in caplog.text


def test_a_file_of_which_nothing_fits_is_refused(tmp_path):
    torch.save({"some.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth: none of its 1 weights, such as 'some.weight', fits the model"):
        load_backbone(ResNet(18), str(tmp_path / "other.pth"))


def test_no_network_names_both_ways_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(ValueError, match="cannot be fetched .*give a file .*pretrained=FILE.*pretrained=None"):
        load_backbone(SwinTransformer(), "torchvision")


def test_dinov2_without_published_weights_says_so():
    with torch.device("meta"):
        backbone = DINOv2("vits")
    with pytest.raises(ValueError, match="torchvision publishes no weights for DINOv2"):
        load_backbone(backbone, "torchvision")


def test_swin_without_published_weights_says_so():
    backbone = SwinTransformer(48, (1, 1, 1, 1), (1, 2, 4, 8))
    with pytest.raises(ValueError, match="torchvision publishes no weights for a Swin of"):
        load_backbone(backbone, "torchvision")


def test_a_checkpoint_of_several_processes(tmp_path):
    """Ours: the weights lie under "state_dict", each name after "module."."""
    model, fresh = ResNet(18), ResNet(18)
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "runner": {"epoch": 3}}, tmp_path / "epoch_3.pth")
    load_weights(fresh, tmp_path / "epoch_3.pth")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in fresh.state_dict().items())


def test_a_file_of_no_weights_is_refused(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "image.pth")
    with pytest.raises(ValueError, match=r"image.pth holds a Tensor; weights are a dict"):
        load_weights(ResNet(18), tmp_path / "image.pth")
    torch.save({"model": {"conv1.weight": [1.0]}}, tmp_path / "list.pth")
    with pytest.raises(ValueError, match=r"list.pth has a list as 'conv1.weight'; weights are a dict"):
        load_weights(ResNet(18), tmp_path / "list.pth")


def test_a_file_of_another_size_is_refused(tmp_path):
    torch.save(ResNet(18).state_dict(), tmp_path / "resnet18.pth")
    larger = ResNet(50)
    before = larger.layer1[0].conv2.weight.clone()
    with pytest.raises(ValueError, match=r"another size .* such as 'layer1.0.conv1.weight', which is \(64, 64, 3, 3\)"):
        load_weights(larger, tmp_path / "resnet18.pth")
    assert torch.equal(larger.layer1[0].conv2.weight, before)


@pytest.mark.parametrize("meta", [{"config": "text = 3", "epoch": 1}, None, [1]])
def test_others_checkpoints_may_say_anything_of_themselves(tmp_path, meta):
    config = {"type": "ResNet", "depth": 18}
    torch.save({"state_dict": ResNet(18).state_dict(), "meta": meta}, tmp_path / "theirs.pth")
    assert load_model(tmp_path / "theirs.pth", config).state_dict().keys() == ResNet(18).state_dict().keys()
    with pytest.raises(ValueError, match="is no checkpoint of depthkit: name the config"):
        load_model(tmp_path / "theirs.pth")


def test_the_toolboxs_order_of_merged_tokens():
    """The toolbox unfolds each channel over its 2 x 2 pixels; torchvision stacks pixels, down the columns first."""
    theirs = torch.tensor([[0.00, 0.01, 0.10, 0.11, 1.00, 1.01, 1.10, 1.11]])  # channel.row column
    ours = to_our_names({"backbone.stages.0.downsample.reduction.weight": theirs})
    assert list(ours) == ["backbone.merges.0.reduction.weight"]
    expected = torch.tensor([[0.00, 1.00, 0.10, 1.10, 0.01, 1.01, 0.11, 1.11]])
    assert torch.equal(ours["backbone.merges.0.reduction.weight"], expected)


def test_simipus_checkpoints_hold_the_images_backbone_among_others(tmp_path):
    backbone = ResNet(18)
    state = {f"img_backbone.{name}": value for name, value in backbone.state_dict().items()}
    torch.save({"state_dict": state | {"pts_backbone.conv1.weight": torch.zeros(1)}}, tmp_path / "simipu.pth")
    fresh = ResNet(18)
    load_backbone(fresh, str(tmp_path / "simipu.pth"))
    assert torch.equal(fresh.conv1.weight, backbone.conv1.weight)
