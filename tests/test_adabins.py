from pathlib import Path

import parity
import pytest
import torch

from depthkit.config import load_config
from depthkit.models.heads.adabins import AdabinsHead, MiniViT
from depthkit.models.losses import Criterion
from depthkit.registry import MODELS

CONFIG = Path(__file__).parents[1] / "configs/_base_/models/adabins_efnetb5ap.py"
# a convolution of the head, and a norm of the backbone, that the toolbox has and that get no gradient there
UNUSED = (128 * 9 + 1) + 2 * 2048


def test_the_toolbox_is_met(tmp_path):
    config = load_config(CONFIG)
    criterion = Criterion({name: MODELS.build(loss) for name, loss in config.criterion.items()})
    expected = parity.reference("adabins_efnetb5ap.json")
    expected["num_params"] -= UNUSED
    parity.assert_meets_the_toolbox(parity.without_dropout(MODELS.build(config.model)), criterion, expected, tmp_path)


@pytest.mark.parametrize("size", [(8, 10), (100, 176), (400, 400)])
def test_any_size_works(size):
    """The toolbox needs 129 to 500 patches; here they are too few, too few, and too many."""
    torch.manual_seed(0)
    vit = MiniViT(channels=8, num_bins=16).eval()
    widths, attention = vit(torch.randn(2, 8, *size))
    torch.testing.assert_close(widths.sum(dim=1), torch.ones(2))
    assert attention.shape == (2, 128, *size)


def test_positions_are_stretched_only_where_they_are_too_few():
    vit = MiniViT(channels=8, num_bins=16)
    assert torch.equal(vit.positions_of(300), vit.positions[:300])
    stretched = vit.positions_of(999)
    torch.testing.assert_close(stretched[::2], vit.positions)


def test_bins_fill_the_range():
    torch.manual_seed(0)
    head = AdabinsHead([4, 6], [8, 8], embedding_dim=8, num_bins=16)
    outputs = head([torch.randn(2, 4, 16, 20), torch.randn(2, 6, 8, 10)], (0.5, 8.0))
    edges = outputs["bin_edges"]
    assert edges.shape == (2, 17)
    torch.testing.assert_close(edges[:, 0], torch.full((2,), 0.5))
    torch.testing.assert_close(edges[:, -1], torch.full((2,), 8.0))
    assert (edges.diff(dim=1) > 0).all()
    assert outputs["depth"].shape == (2, 1, 16, 20)
    assert ((outputs["depth"] > 0.5) & (outputs["depth"] < 8)).all()


def test_lists_that_differ_in_length_are_refused():
    with pytest.raises(ValueError, match=r"in_channels \[4, 6\] and channels \[8\] differ in length"):
        AdabinsHead([4, 6], [8])
