import pytest
import torch
from torch import nn

from depthkit.models.backbones.resnet import ResNet
from depthkit.models.backbones.swin import SwinTransformer
from depthkit.models.estimator import IMAGENET_MEAN, IMAGENET_STD, DepthEstimator
from depthkit.models.heads.densedepth import DenseDepthHead
from depthkit.models.losses import SigLoss


class ConstantHead(nn.Module):
    """The same depth everywhere, learnt, and a note of what it was given."""

    def __init__(self, depth):
        super().__init__()
        self.depth = nn.Parameter(torch.tensor(depth))

    def forward(self, features, depth_range, intrinsics=None):
        self.seen = features, depth_range, intrinsics
        return {"depth": self.depth.expand(len(features), 1, 4, 4), "bins": "as they are"}


def estimator(depth=3.0, **keywords):
    return DepthEstimator(nn.Identity(), ConstantHead(depth), max_depth=10, **keywords)


def test_images_are_normalised_and_the_head_gets_what_it_needs():
    image = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    intrinsics = torch.eye(3).expand(2, 3, 3)
    model = estimator()
    outputs = model(image, intrinsics)
    features, depth_range, seen_intrinsics = model.decode_head.seen
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(features, (image.float() - mean) / std)
    assert depth_range == (1e-3, 10)
    assert seen_intrinsics is intrinsics
    assert outputs["bins"] == "as they are"
    assert list(model.state_dict()) == ["decode_head.depth"]  # the config, not the weights, knows mean and std


def test_mean_and_std_from_the_config():
    model = estimator(mean=[100, 0, 0], std=[2, 1, 1])
    model(torch.full((1, 3, 4, 4), 110, dtype=torch.uint8))
    assert model.decode_head.seen[0][0, :, 0, 0].tolist() == [5.0, 110.0, 110.0]


@pytest.mark.parametrize(("raw", "expected"), [(50.0, 10.0), (-1.0, 1e-3), (3.0, 3.0), (0.1 + 0.2, 0.1 + 0.2)])
def test_depth_is_clamped(raw, expected):
    depth = estimator(raw)(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))["depth"]
    assert torch.equal(depth, torch.full((2, 1, 4, 4), expected))


@pytest.mark.parametrize(("raw", "sign"), [(50.0, 1), (-1.0, -1)])
def test_depth_beyond_the_range_learns_its_way_back(raw, sign):
    model = estimator(raw)
    outputs = model(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    SigLoss()(outputs, {"depth": torch.full((2, 1, 4, 4), 2.0)}, 0).backward()
    assert model.decode_head.depth.grad * sign > 0


@pytest.mark.parametrize(
    "image", [torch.zeros(1, 3, 8, 8), torch.zeros(3, 8, 8).byte(), torch.zeros(1, 4, 8, 8).byte()]
)
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match=r"images must be uint8 \(B, 3, H, W\), but are torch"):
        estimator()(image)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="depth range is 20 to 10 m; use 0 < min_depth < max_depth"):
        estimator(min_depth=20)
    with pytest.raises(ValueError, match=r"mean is \[0\.5\] and std is .*three numbers each"):
        estimator(mean=[0.5])


@pytest.mark.parametrize("output", ["sigmoid", "relu", "bins"])
@pytest.mark.parametrize("backbone", [ResNet(18), SwinTransformer(8, (1, 1, 1, 1), (1, 1, 2, 2), drop_path_rate=0.0)])
def test_any_image_size_and_every_gradient(backbone, output):
    channels = [8] * len(backbone.channels)
    head = DenseDepthHead(backbone.channels, channels, output=output, num_bins=16)
    model = DepthEstimator(backbone, head, max_depth=10)
    depth = model(torch.randint(0, 256, (2, 3, 97, 131), dtype=torch.uint8))["depth"]
    assert depth.shape == ((2, 1, 49, 66) if len(channels) == 5 else (2, 1, 25, 33))
    assert depth.min() >= 1e-3
    assert depth.max() <= 10
    model.zero_grad()  # the backbones are shared
    depth.log().std().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
