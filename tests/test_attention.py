import math

import pytest
import torch

from depthkit.models import attention
from depthkit.models.attention import (
    DeformableAttention,
    deformable_attention,
    pixel_centres,
    sine_positions,
    to_maps,
    to_tokens,
)

SIZES = [(3, 4), (2, 2)]


def pixel(features, y, x):
    """(c,) of a map (c,H,W), or 0 outside it."""
    height, width = features.shape[1:]
    return features[:, y, x] if 0 <= y < height and 0 <= x < width else torch.zeros_like(features[:, 0, 0])


def bilinear(features, x, y):
    """(c,) at a place in pixels, by hand; pixel centres are integers."""
    left, top = math.floor(x), math.floor(y)
    total = 0
    for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, right in ((left, 1 - (x - left)), (left + 1, x - left)):
            total = total + down * right * pixel(features, row, column)
    return total


def random_arguments(batch=2, queries=5, heads=2, points=3):
    torch.manual_seed(0)
    count = sum(height * width for height, width in SIZES)
    values = torch.randn(batch, count, heads, 4, dtype=torch.float64)
    reference = torch.rand(batch, queries, 2, dtype=torch.float64)
    offsets = 2 * torch.randn(batch, queries, heads, len(SIZES), points, 2, dtype=torch.float64)
    weights = torch.rand(batch, queries, heads, len(SIZES), points, dtype=torch.float64)
    return values, reference, offsets, weights


def test_reading_by_hand():
    values, reference, offsets, weights = random_arguments()
    result = deformable_attention(values, SIZES, reference, offsets, weights)
    for batch, query, head in ((0, 0, 0), (1, 3, 1), (1, 4, 0)):
        expected = 0
        for level, features in enumerate(to_maps(values[:, :, head], SIZES)):
            height, width = SIZES[level]
            for point in range(3):
                right, down = offsets[batch, query, head, level, point].tolist()
                x, y = reference[batch, query].tolist()
                place = x * width + right - 0.5, y * height + down - 0.5
                expected = expected + weights[batch, query, head, level, point] * bilinear(features[batch], *place)
        torch.testing.assert_close(result[batch, query, 4 * head : 4 * head + 4], expected)


def test_gradients(monkeypatch):
    monkeypatch.setattr(attention, "CHUNK", 2)  # several chunks
    arguments = [argument.requires_grad_() for argument in random_arguments(batch=1, queries=3, points=2)]
    assert torch.autograd.gradcheck(lambda values, *rest: deformable_attention(values, SIZES, *rest), arguments)


def test_each_head_begins_in_a_direction_of_its_own():
    layer = DeformableAttention(channels=16, heads=4, levels=2, points=2)
    offsets = layer.sampling_offsets(torch.randn(1, 1, 16)).view(4, 2, 2, 2)
    expected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    for level in range(2):
        torch.testing.assert_close(offsets[:, level, 0], expected)
        torch.testing.assert_close(offsets[:, level, 1], 2 * expected)
    assert not layer.attention_weights(torch.randn(1, 1, 16)).any()


def test_equal_weights_of_equal_values_are_that_value():
    layer = DeformableAttention(channels=8, heads=2, levels=1, points=1)
    torch.nn.init.zeros_(layer.sampling_offsets.bias)
    tokens = torch.ones(1, 12, 8)
    result = layer(tokens, pixel_centres(SIZES[:1], tokens.device), tokens, SIZES[:1])
    torch.testing.assert_close(result, layer.output_proj(layer.value_proj(tokens)))


def test_tokens_and_maps():
    maps = [torch.randn(2, 3, *size) for size in SIZES]
    tokens = to_tokens(maps)
    assert tokens.shape == (2, 16, 3)
    assert torch.equal(tokens[1, 5], maps[0][1, :, 1, 1])
    assert all(torch.equal(*pair) for pair in zip(to_maps(tokens, SIZES), maps, strict=True))


def test_pixel_centres():
    centres = pixel_centres([(1, 2), (2, 1)], torch.device("cpu"))
    assert centres.tolist() == [[[0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75]]]


def test_positions():
    positions = sine_positions((2, 3), 8, torch.device("cpu")).view(2, 3, 8)
    row, column = 2, 3
    expected = [math.sin(row), math.cos(row), math.sin(row / 100), math.cos(row / 100)]
    expected += [math.sin(column), math.cos(column), math.sin(column / 100), math.cos(column / 100)]
    assert positions[1, 2].tolist() == pytest.approx(expected, abs=1e-6)


def test_normalised_positions_span_maps_of_any_size_alike():
    small, large = (sine_positions((1, length), 8, torch.device("cpu"), normalize=True) for length in (4, 8))
    torch.testing.assert_close(small[0], large[0, 1::2])  # every second column of the larger one
    quarter = 2 * math.pi / 4
    expected = [math.sin(quarter), math.cos(quarter), math.sin(quarter / 100), math.cos(quarter / 100)]
    assert small[0, 0, 4:].tolist() == pytest.approx(expected, abs=1e-5)
