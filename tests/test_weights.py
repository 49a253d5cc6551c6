import json
import logging
from pathlib import Path

import parity
import pytest
import torch
from torchvision.models import get_model

from depthkit.evaluate import predict_depth
from depthkit.models.backbones.resnet import ResNet
from depthkit.models.backbones.swin import SwinTransformer
from depthkit.models.estimator import DepthEstimator
from depthkit.models.heads.densedepth import DenseDepthHead
from depthkit.models.layers import resize
from depthkit.models.losses import SigLoss
from depthkit.models.weights import load_backbone, load_weights, to_our_names

DATA = Path(__file__).parent / "data"
INPUT = {"batch": 2, "height": 96, "width": 128, "max_depth": 10, "seed": 7}


def reference(name):
    return json.loads((DATA / name).read_text())


def toolbox_weights(shapes):
    return {name: parity.weight(name, shape) for name, shape in shapes.items()}


def assert_excerpt(value, expected):
    torch.testing.assert_close(parity.excerpt(value), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def assert_maps(maps, expected):
    for value, of_reference in zip(maps, expected, strict=True):
        stride = of_reference["stride"]
        assert_excerpt(value[..., ::stride, ::stride], of_reference["values"])
        assert value.mean().item() == pytest.approx(of_reference["mean"], abs=1e-5)
        assert value.std().item() == pytest.approx(of_reference["std"], rel=1e-4)


def test_resnet_densedepth_meets_the_toolbox(tmp_path):
    expected = reference("resnet50_densedepth.json")
    torch.save({"meta": {}, "state_dict": toolbox_weights(expected["shapes"])}, tmp_path / "toolbox.pth")
    head = DenseDepthHead([64, 256, 512, 1024, 2048], [128, 256, 512, 1024, 2048])
    model = DepthEstimator(ResNet(50), head, max_depth=10)
    load_weights(model, tmp_path / "toolbox.pth")
    assert sum(parameter.numel() for parameter in model.parameters()) == expected["num_params"]

    image, depth = parity.inputs(**INPUT)
    model.eval()
    with torch.no_grad():
        assert_maps(model.backbone(image), expected["maps"])
        prediction = model.predict(image)
        assert_excerpt(resize(prediction["depth"], (96, 128)), expected["prediction"])
        mirrored = resize(model.predict(image.flip(-1))["depth"], (96, 128)).flip(-1)
        average = (resize(prediction["depth"], (96, 128)) + mirrored) / 2
        assert_excerpt(average, expected["flip_average"])
        loss = SigLoss()(prediction, {"depth": depth}, 0)
        assert loss.item() == pytest.approx(expected["eval_loss"], rel=1e-4)

    model.train()
    loss = SigLoss()(model.predict(image), {"depth": depth}, 0)
    loss.backward()
    assert loss.item() == pytest.approx(expected["train_loss"], rel=1e-4)
    norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    assert total == pytest.approx(expected["total_grad_norm"], rel=1e-3)
    of_reference = to_our_names({name: torch.tensor(norm) for name, norm in expected["grad_norm"].items()})
    # the toolbox's own float32 gradients lie up to 3.7e-3 from those computed in float64
    assert norms == pytest.approx({name: norm.item() for name, norm in of_reference.items()}, rel=4e-3, abs=1e-5)


def test_swin_meets_the_toolbox(tmp_path):
    expected = reference("swin.json")
    torch.save(toolbox_weights(expected["shapes"]), tmp_path / "toolbox.pth")
    backbone = SwinTransformer(embed_dims=48, depths=(2, 2, 2, 2), num_heads=(2, 4, 8, 16))
    load_backbone(backbone, str(tmp_path / "toolbox.pth"))
    backbone.eval()
    with torch.no_grad():
        assert_maps(backbone(parity.inputs(**INPUT)[0]), expected["maps"])


def test_torchvisions_names(tmp_path):
    """A file of torchvision's Swin gives the same maps as torchvision's Swin, where it shifts its windows too."""
    torch.manual_seed(0)
    theirs = get_model("swin_t", weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "swin_t.pth")
    ours = SwinTransformer().eval()
    load_backbone(ours, str(tmp_path / "swin_t.pth"))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        stage = theirs.features[1](theirs.features[0](image))
        expected = ours.norms[0](stage).permute(0, 3, 1, 2)
        torch.testing.assert_close(ours(image)[0], expected, rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize("output", ["sigmoid", "relu", "bins"])
def test_any_image_size_and_every_gradient(output):
    head = DenseDepthHead([96, 192, 384, 768], [8, 8, 8, 8], output=output, num_bins=16)
    model = DepthEstimator(SwinTransformer(drop_path_rate=0.0), head, max_depth=10)
    image = torch.randint(0, 256, (1, 3, 97, 131), dtype=torch.uint8)
    depth = predict_depth(model, image, None, flip=False)
    assert depth.shape == (1, 1, 25, 33)
    assert (depth >= 1e-3).all()
    assert (depth <= 10).all()
    depth.log().std().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
