import torch

from depthkit.models.necks.hahi import HAHI


def test_maps_keep_their_sizes_and_every_parameter_gets_a_gradient():
    """The toolbox leaves level_embed as memory happens to be; here it begins as random numbers."""
    torch.manual_seed(0)
    neck = HAHI(in_channels=[4, 6, 8], embedding_dim=16, num_points=2)
    for attention in (neck.self_attn, neck.multi_att):  # they begin as if they did not look at queries
        torch.nn.init.normal_(attention.sampling_offsets.weight)
    features = [torch.randn(2, 4, 16, 20), torch.randn(2, 6, 7, 9), torch.randn(2, 8, 4, 5)]
    fused = neck(features)
    assert [out.shape for out in fused] == [features[i].shape for i in range(3)]
    assert 0.5 < neck.level_embed.std() < 2
    # a weighted sum: that of a normalised map alone would not depend on what comes before
    sum((out * torch.randn_like(out)).sum() for out in fused).backward()
    assert [name for name, parameter in neck.named_parameters() if not parameter.grad.any()] == []
