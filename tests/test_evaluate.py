import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from depthkit.data.dataset import DepthDataset
from depthkit.data.loader import eval_loader
from depthkit.data.sample import Sample
from depthkit.evaluate import ConstantDepth, constant_map, evaluate, predict_depth, score, spread, starts
from depthkit.protocols import PROTOCOLS, Protocol


class Slopes(DepthDataset):
    """Images brighter to the right, with depth of several sizes; the last sample has no depth."""

    def __init__(self, count=7):
        super().__init__(max_depth=100)
        self.count = count

    def __len__(self):
        return self.count

    def load(self, index):
        width = 6 + index % 2
        image = np.broadcast_to(np.arange(width, dtype=np.uint8)[None, :, None], (4, width, 3)).copy()
        depth = np.full((8, 12), 1.0 + index, np.float32)
        return Sample(image, depth * (index < self.count - 1), f"sample {index}")


class Brightness(nn.Module):
    """Depth is 1 + the red channel."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, image, intrinsics=None):
        return {"depth": self.dropout(1 + image[:, :1].float())}


def red_channel(batch):
    """What Brightness predicts in eval mode."""
    return 1 + batch["image"][:, :1].float()


CPU = torch.device("cpu")
FULL = PROTOCOLS["full"]


def test_batches_do_not_matter_and_empty_images_are_skipped():
    results = [evaluate(Brightness(), eval_loader(Slopes(), size, 0), FULL, CPU) for size in (1, 4)]
    assert results[0].metrics == pytest.approx(results[1].metrics, rel=1e-6)
    assert [(result.num_images, result.num_skipped) for result in results] == [(6, 1), (6, 1)]


def test_flip_is_the_mean_with_the_mirrored_prediction():
    class Columns(nn.Module):
        def forward(self, image, intrinsics=None):
            return {"depth": 1 + torch.arange(image.shape[-1]).float().expand(len(image), 1, 4, -1)}

    flipped = Protocol("test", None, 0.0, math.inf, flip=True)
    (picture, *_) = evaluate(Columns(), eval_loader(Slopes(), 2, 0), flipped, CPU).pictures
    assert picture[2].flatten().tolist() == pytest.approx([3.5] * 8 * 12)  # 6 columns: (1 + x + 1 + 5 - x) / 2


def test_the_model_keeps_its_mode():
    model = Brightness().train()
    model.dropout.eval()
    evaluate(model, eval_loader(Slopes(), 4, 0), FULL, CPU)
    assert model.training
    assert not model.dropout.training


def test_the_table_says_all_that_matters():
    table = evaluate(Brightness(), eval_loader(Slopes(), 4, 0), FULL, CPU).table()
    for words in ("abs_rel", "sq_rel", "full", "crop:      none", "6, and 1 skipped", "over images"):
        assert words in table


def test_pictures_are_spread_over_the_set():
    assert spread(range(0, 100, 2), 3) == {0, 48, 98}
    assert spread(range(0, 4, 2), 5) == {0, 2}
    assert spread(range(0), 5) == set()


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="none of the 1 images has a pixel that protocol full scores"):
        evaluate(Brightness(), eval_loader(Slopes(1), 4, 0), FULL, CPU)


def test_the_constant_map_has_the_lowest_error():
    rng = np.random.default_rng(0)
    depths = rng.uniform(0.5, 10, (101, 2, 2))
    depths[:40, 0, 0] = 0  # not measured
    best = constant_map(depths)

    def error(constant):
        return sum((abs(depth - constant)[depth > 0] / depth[depth > 0]).sum() for depth in depths)

    for factor in (0.9, 0.99, 1.01, 1.1):
        assert error(best) < error(best * factor)
    assert constant_map(np.array([[[0.0, 2.0]], [[0.0, 2.0]]])).tolist() == [[2.0, 2.0]]
    with pytest.raises(ValueError, match="not one of the 4 depths is measured"):
        constant_map(np.zeros((1, 2, 2)))
    assert ConstantDepth(best)(torch.zeros(3, 3, 8, 8))["depth"].shape == (3, 1, 2, 2)


def resident_megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its memory")
def test_memory_stays_flat_over_a_thousand_images():
    class Large(Slopes):
        def load(self, index):
            return Sample(np.zeros((4, 6, 3), np.uint8), np.ones((120, 160), np.float32), f"sample {index}")

    evaluate(Brightness(), eval_loader(Large(20), 4, 0), FULL, CPU)
    before = resident_megabytes()
    evaluate(Brightness(), eval_loader(Large(1000), 4, 0), FULL, CPU)
    assert resident_megabytes() - before < 20  # the maps of one kind alone have 73


def test_windows_overlap_and_cover():
    assert starts(10, 12) == starts(12, 12) == [0]
    assert starts(13, 12) == [0, 1]
    assert starts(30, 12) == [0, 6, 12, 18]
    for size in range(13, 60):
        places = starts(size, 12)
        assert (places[0], places[-1] + 12) == (0, size)
        assert max(np.diff(places)) <= 8


def test_the_mean_of_windows():
    class Camera(nn.Module):
        """Depth is the column in the whole image, which the principal point tells, and what the size is."""

        def forward(self, image, intrinsics=None):
            assert image.shape[-2:] == (6, 12)
            column = torch.arange(12.0) - intrinsics[:, 0, 2, None]
            row = torch.arange(6.0)[:, None] - intrinsics[:, 1, 2, None]
            return {"depth": (1 + column[:, None] + row[None])[:, None]}

    image = torch.zeros(1, 3, 9, 30, dtype=torch.uint8)
    intrinsics = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    depth = predict_depth(Camera(), image, intrinsics, flip=False, window=(6, 12))
    expected = 1 + torch.arange(30.0) + torch.arange(9.0)[:, None]
    torch.testing.assert_close(depth, expected[None, None])
    small = predict_depth(Camera(), image[..., :6, :12], intrinsics, flip=False, window=(6, 12))
    torch.testing.assert_close(small, expected[None, None, :6, :12])


def test_more_of_a_table():
    result = score(red_channel, eval_loader(Slopes(), 4, 0), FULL, CPU, more=True)
    assert "boundary_f1" in result.metrics
    assert "0 to 2 m   16.7%" in result.table()
    assert sum(row["share"] for row in result.ranges) == pytest.approx(1)


def test_an_observer_sees_every_prediction_at_its_targets_size():
    seen = {}

    def observe(batch, prediction):
        assert prediction.shape == batch["depth"].shape
        seen.update(zip(batch["path"], prediction, strict=True))

    score(red_channel, eval_loader(Slopes(), 4, 0), FULL, CPU, observe=observe)
    assert sorted(seen) == [f"sample {index}" for index in range(7)]
