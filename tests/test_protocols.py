import math
from dataclasses import replace

import pytest
import torch

from depthkit.protocols import PROTOCOLS, Protocol, align, find_protocol


def test_nyus_crop_and_cap():
    depth = torch.full((1, 1, 480, 640), 20.0)
    depth[..., 45:471, 41:601] = 5.0
    depth[..., 45, 41], depth[..., 470, 600] = 10.0, 1e-3  # strictly inside the cap
    prediction, target, valid = find_protocol("nyu_eigen").apply(2 * depth, depth)
    assert target.shape == (1, 1, 426, 560)
    assert valid.sum().item() == 426 * 560 - 2
    assert prediction.max().item() == 10.0
    with pytest.raises(ValueError, match="made for depth maps of 480 x 640, but one has 240 x 320"):
        find_protocol("nyu_eigen").apply(depth[..., ::2, ::2], depth[..., ::2, ::2])


@pytest.mark.parametrize(
    ("name", "top", "bottom", "left", "right", "cap"),
    [
        # the fractions that papers state, of 352 x 1216 pixels
        ("kitti_garg", 0.40810811, 0.99189189, 0.03594771, 0.96405229, 80),
        ("kitti_eigen", 0.3324324, 0.91351351, 0.0359477, 0.96405229, 80),
        ("kitti_benchmark", 0.40810811, 0.99189189, 0.03594771, 0.96405229, 88),
    ],
)
def test_kittis_crops_and_caps(name, top, bottom, left, right, cap):
    depth = torch.ones(352, 1)[None, None] * torch.ones(1216)
    depth[..., 200, 600] = cap
    _, target, valid = find_protocol(name).apply(depth, depth)
    assert target.shape[-2:] == (int(bottom * 352) - int(top * 352), int(right * 1216) - int(left * 1216))
    assert (~valid).sum() == 1
    with pytest.raises(ValueError, match="made for depth maps of 352 x 1216, but one has 375 x 1242"):
        find_protocol(name).apply(*torch.ones(2, 1, 1, 375, 1242))


def test_a_broken_prediction_is_not_hidden_by_the_cap():
    prediction = torch.tensor([[[[math.inf, math.nan, -1.0, 20.0]]]])
    scored, *_ = find_protocol("sunrgbd").apply(prediction, torch.ones(1, 1, 1, 4))
    assert scored[0, 0, 0, :2].isnan().all()
    assert scored[0, 0, 0, 2:].tolist() == [-1.0, 8.0]


def test_alignment_finds_the_scale_and_shift_of_each_image():
    target = torch.tensor([[[[1.0, 2.0, 3.0, 9.0]]], [[[2.0, 4.0, 8.0, 9.0]]]])
    valid = torch.tensor([True, True, True, False]).expand(2, 1, 1, 4)
    for factors, offset, shift in (((2.0, 0.5), 0.0, False), ((2.0, 0.5), 0.7, True)):
        prediction = (target - offset) / torch.tensor(factors).view(2, 1, 1, 1)
        prediction[..., 3] = 77.0  # not valid
        aligned = align(prediction, target, valid, shift)
        torch.testing.assert_close(aligned[..., :3], target[..., :3])


def test_the_scale_with_the_least_squares():
    prediction, target = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]])
    aligned = align(prediction, target, torch.ones(1, 2, dtype=bool), shift=False)
    assert aligned[0].tolist() == pytest.approx([1.8, 3.6])  # (1 * 1 + 2 * 4) / (1 + 4)


def test_what_cannot_be_aligned_stays_finite():
    flat, target = torch.full((1, 3), 2.0), torch.tensor([[1.0, 2.0, 6.0]])
    assert align(flat, target, torch.ones(1, 3, dtype=bool), shift=True)[0].tolist() == pytest.approx([3.0] * 3)
    assert align(flat, target, torch.zeros(1, 3, dtype=bool), shift=True).isfinite().all()


def test_facts_name_what_matters():
    facts = Protocol("mine", None, 0.0, 5.0, flip=True, align="scale", average="pixel").facts()
    assert facts["alignment"] == "scale of each image, least squares"
    assert facts["averaging"] == "over all pixels alike"
    assert facts["cap"] == "0 < depth < 5 m"
    assert PROTOCOLS["kitti_garg"].facts()["crop"] == "rows 143:349, columns 43:1172"


def test_the_cap_is_that_of_protocol_and_set_together():
    assert find_protocol("full").within(1e-3, 10).facts()["cap"] == "0.001 < depth < 10 m"
    assert find_protocol("kitti_garg").within(0, 88) == find_protocol("kitti_garg")
    prediction, _, valid = find_protocol("full").within(1, 8).apply(torch.tensor([0.5, 2, 9]), torch.tensor([3, 1, 8]))
    assert prediction.tolist() == [0.5, 2, 8]
    assert valid.tolist() == [True, False, False]


def test_a_wrong_protocol_names_the_close_one():
    with pytest.raises(ValueError, match="there is no evaluation protocol 'nyu_eigne'; did you mean 'nyu_eigen'"):
        find_protocol("nyu_eigne")
    with pytest.raises(ValueError, match="alignment is 'median'; use one of none, scale, scale_shift"):
        Protocol("mine", None, 0.0, 5.0, flip=False, align="median")


def test_a_fit_that_puts_pixels_behind_the_camera_has_a_score():
    protocol = replace(find_protocol("full"), align="scale_shift")
    target = torch.tensor([[[[1.0, 2.0, 3.0, 10.0]]]])
    scored, _, _ = protocol.apply(torch.tensor([[[[1.0, 8.0, 9.0, 10.0]]]]), target)
    assert scored.min() > 0
