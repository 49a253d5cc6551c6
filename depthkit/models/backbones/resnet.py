"""ResNet (He et al. 2016, "Deep Residual Learning for Image Recognition"): torchvision's, cut into its stages."""

from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from depthkit.registry import MODELS


@MODELS.register
class ResNet(nn.Module):
    """Five maps at strides 2 to 32, of `channels`: the stem's and those of the four stages. Names are torchvision's."""

    def __init__(self, depth: int) -> None:
        """`depth` is 18, 34, 50, 101 or 152."""
        super().__init__()
        if depth not in (18, 34, 50, 101, 152):
            raise ValueError(f"ResNet has no depth {depth!r}; use 18, 34, 50, 101 or 152")
        self.name = f"resnet{depth}"
        net = get_model(self.name, weights=None)
        self.conv1, self.bn1, self.relu, self.maxpool = net.conv1, net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.channels = [64, *([64, 128, 256, 512] if depth < 50 else [256, 512, 1024, 2048])]

    def published_weights(self) -> dict[str, Tensor]:
        """torchvision's weights for ImageNet, fetched unless they are cached."""
        return get_model_weights(self.name).DEFAULT.get_state_dict(check_hash=True, weights_only=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised images (B,3,H,W) -> maps (B, C_i, H/s_i, W/s_i), fine to coarse."""
        stem = self.relu(self.bn1(self.conv1(image)))
        maps = [stem, self.layer1(self.maxpool(stem))]
        for stage in (self.layer2, self.layer3, self.layer4):
            maps.append(stage(maps[-1]))
        return maps
