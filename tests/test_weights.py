import logging

import pytest
import torch

from depthkit.models.backbones.resnet import ResNet
from depthkit.models.backbones.swin import SwinTransformer
from depthkit.models.weights import load_backbone, load_weights, to_our_names


def test_official_swins_names(tmp_path, caplog):
    ours = SwinTransformer()
    official = {"layers.3.blocks.1.attn.relative_position_index": torch.zeros(49, 49, dtype=torch.int64)}
    for name, value in ours.state_dict().items():
        parts = name.split(".")
        if parts[0] == "stages":
            parts = ["layers", parts[1], "blocks", *parts[2:]]
        if parts[0] == "merges":
            parts = ["layers", parts[1], "downsample", *parts[2:]]
        renamed = ".".join(parts).replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")
        if "norms" not in name and "index" not in name:
            official[renamed] = value + 1.0
    torch.save({"model": official | {"head.weight": torch.zeros(1)}}, tmp_path / "official.pth")
    fresh = SwinTransformer()
    with caplog.at_level(logging.INFO):
        load_backbone(fresh, str(tmp_path / "official.pth"))
    for name, value in fresh.state_dict().items():
        if "norms" not in name and "index" not in name:
            torch.testing.assert_close(value, ours.state_dict()[name] + 1.0, msg=name)
    assert "8 weights are not in the file, so they keep their start: norms.0.bias, norms.0.weight" in caplog.text
    assert "1 weights are in the file, but not in the model: head.weight" in caplog.text


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
