import torch

from depthkit.models.windows import join_windows, shift_mask, split_windows


def test_windows_come_back():
    tokens = torch.arange(2 * 6 * 9 * 4.0).view(2, 6, 9, 4)
    windows = split_windows(tokens, 3)
    assert windows.shape == (12, 9, 4)
    assert torch.equal(windows[1], tokens[0, :3, 3:6].reshape(9, 4))
    assert torch.equal(join_windows(windows, tokens.shape[:3], 3), tokens)


def test_tokens_that_meet_only_by_the_roll_do_not_attend():
    mask = shift_mask(4, 4, window=2, shift=1, device=torch.device("cpu"))
    assert (mask[0] == 0).all()  # the first window holds neighbours alone
    # the second holds two columns from opposite borders: tokens 0 and 2 are of one, 1 and 3 of the other
    apart = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    assert torch.equal(mask[1], -100.0 * apart)
    assert torch.equal(mask[3], -100.0 * (1 - torch.eye(4)))  # the last holds four corners
