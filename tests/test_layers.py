import torch

from depthkit.models.layers import mean_depth, resize


def test_resize_puts_corners_on_corners():
    maps = torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]])
    expected = torch.tensor([[[[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 6.0]]]])
    torch.testing.assert_close(resize(maps, (3, 3)), expected)


def test_mean_depth_of_bins_for_all_images_and_for_each():
    weights = torch.tensor([[0.5, 0.5], [0.25, 0.75]])[:, :, None, None].expand(2, 2, 3, 4)
    depth = mean_depth(weights, torch.tensor([2.0, 4.0]))
    assert depth.shape == (2, 1, 3, 4)
    assert depth[:, 0, 0, 0].tolist() == [3.0, 3.5]
    assert mean_depth(weights, torch.tensor([[2.0, 4.0], [0.0, 8.0]]))[:, 0, 0, 0].tolist() == [3.0, 6.0]
