import torch

from depthkit.models.necks.psp import PSP


def test_every_pixel_of_the_fifth_map_sees_the_whole_image():
    torch.manual_seed(0)
    neck = PSP(in_channels=[4, 6], channels=8)
    features = [torch.randn(1, 4, 24, 28), torch.randn(1, 6, 12, 14, requires_grad=True)]
    first, second, context = neck(features)
    assert first is features[0]
    assert second is features[1]
    assert context.shape == (1, 8, 12, 14)
    context[:, :, 0, 0].sum().backward()
    assert (features[1].grad.abs().sum(1) > 1e-3).all()
