import re

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import efficientnet_b5

from depthkit.models.backbones.efficientnet import EfficientNet, SameConv2d
from depthkit.models.weights import load_backbone


@pytest.mark.parametrize(("length", "before", "behind"), [(8, 0, 1), (9, 1, 1)])
def test_padding_by_hand(length, before, behind):
    conv = SameConv2d(1, 1, 3, stride=2, bias=False)
    features = torch.randn(1, 1, length, length + 1)
    padded = F.pad(features, (*((1, 1) if (length + 1) % 2 else (0, 1)), before, behind))
    torch.testing.assert_close(conv(features), F.conv2d(padded, conv.weight, stride=2))
    assert conv(features).shape[-2:] == ((length + 1) // 2, (length + 2) // 2)


def test_torchvisions_weights_load(tmp_path):
    torch.manual_seed(0)
    net = efficientnet_b5(weights=None)
    torch.save(net.state_dict(), tmp_path / "torchvision.pth")
    ours = EfficientNet()
    load_backbone(ours, str(tmp_path / "torchvision.pth"))
    theirs = net.state_dict()
    for name, value in ours.state_dict().items():
        name = re.sub(r"^blocks\.(\d)\.", lambda m: f"features.{int(m[1]) + 1}.", name)
        name = name.replace("stem.", "features.0.").replace("head.", "features.8.0.")
        assert torch.equal(value, theirs[name]), name


def test_maps():
    maps = EfficientNet().eval()(torch.randn(1, 3, 33, 64))
    assert [tuple(features.shape[1:]) for features in maps] == [
        (24, 17, 32),
        (40, 9, 16),
        (64, 5, 8),
        (176, 3, 4),
        (2048, 2, 2),
    ]
