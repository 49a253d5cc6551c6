import pytest
import torch
from torchvision.models import get_model

from depthkit.models.backbones.resnet import ResNet


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_names_and_channels_are_torchvisions(depth):
    with torch.device("meta"):
        ours, theirs = ResNet(depth), get_model(f"resnet{depth}", weights=None)
        maps = ours(torch.empty(1, 3, 64, 96))
    assert [value.shape[1] for value in maps] == ours.channels
    assert set(theirs.state_dict()) - set(ours.state_dict()) == {"fc.weight", "fc.bias"}
    assert set(ours.state_dict()) <= set(theirs.state_dict())


def test_the_last_map_is_torchvisions():
    torch.manual_seed(0)
    theirs = get_model("resnet18", weights=None).eval()
    ours = ResNet(18).eval()
    ours.load_state_dict({name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")})
    image = torch.randn(2, 3, 97, 131)
    with torch.no_grad():
        maps = ours(image)
        assert torch.equal(theirs.fc(maps[-1].mean((2, 3))), theirs(image))
    assert [tuple(value.shape[2:]) for value in maps] == [(49, 66), (25, 33), (13, 17), (7, 9), (4, 5)]


def test_other_depths_are_refused():
    with pytest.raises(ValueError, match="ResNet has no depth 51; use 18, 34, 50, 101 or 152"):
        ResNet(51)
