"""How the reference numbers in tests/data were made: weights that follow from their names, inputs from a seed.

A model whose weights, under the toolbox's names, are those of `weight` must give the toolbox's outputs on `inputs`.
"""

import json
import math
import statistics
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from depthkit.models.layers import resize
from depthkit.models.names import find_table, our_name
from depthkit.models.weights import load_weights

INPUT = {"batch": 2, "height": 96, "width": 128, "max_depth": 10, "seed": 7}
EMBEDDINGS = ("embed.weight", "level_embed", "_table", "pos_embed", "cls_token", "query_feat", "positional_encodings")


def weight(name: str, shape: list[int]) -> Tensor:
    """The value of one entry of the toolbox's state dict."""
    if name.endswith(("num_batches_tracked", "relative_position_index")):
        return torch.zeros(shape, dtype=torch.int64)
    rng = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    last = name.split(".")[-1]
    if last == "running_var":
        value = 0.5 + rng.uniform(0, 1, shape)
    elif last == "running_mean":
        value = 0.1 * rng.standard_normal(shape)
    elif name.endswith("conv_depth.bias"):
        value = 2.0 + 0.05 * rng.standard_normal(shape)
    elif any(part in name for part in EMBEDDINGS) and "patch_embed" not in name:
        value = 0.2 * rng.standard_normal(shape)
    elif len(shape) >= 2:
        value = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    elif last in ("weight", "gamma"):
        value = 0.8 + 0.4 * rng.uniform(0, 1, shape)
    else:
        value = 0.05 * rng.standard_normal(shape)
    return torch.from_numpy(np.asarray(value, dtype=np.float32)).reshape(shape)


def inputs(batch: int, height: int, width: int, max_depth: float, seed: int) -> tuple[Tensor, Tensor]:
    """(normalised image (B,3,H,W), depth (B,1,H,W) in metres, about 30 % of it 0)."""
    rng = np.random.RandomState(seed)
    image = rng.standard_normal((batch, 3, height, width)).astype(np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = 0.1 + 0.8 * (0.5 + 0.25 * np.sin(x / width * 9) + 0.25 * np.cos(y / height * 7))
    depth = np.stack([base * (0.6 + 0.4 * rng.uniform()) * max_depth for _ in range(batch)])[:, None]
    depth = depth.astype(np.float32)
    depth[rng.uniform(size=depth.shape) < 0.3] = 0
    return torch.from_numpy(image), torch.from_numpy(depth)


def excerpt(value: Tensor, count: int = 40) -> Tensor:
    """`count` of the numbers in `value`, evenly spread."""
    flat = value.detach().flatten()
    return flat[torch.linspace(0, len(flat) - 1, count).long()].clone()


def reference(name: str) -> dict:
    """What the toolbox computed on `inputs(**INPUT)`, with the names and shapes of its weights."""
    return json.loads((Path(__file__).parent / "data" / name).read_text())


def save_weights(expected: dict, path: Path) -> None:
    """The checkpoint of the toolbox that `expected` was computed with."""
    torch.save(
        {"meta": {}, "state_dict": {name: weight(name, shape) for name, shape in expected["shapes"].items()}}, path
    )


def assert_excerpt(value: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(excerpt(value), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def assert_maps(maps: list[Tensor], expected: list[dict]) -> None:
    for value, of_reference in zip(maps, expected, strict=True):
        stride = of_reference["stride"]
        assert_excerpt(value[..., ::stride, ::stride], of_reference["values"])
        assert value.mean().item() == pytest.approx(of_reference["mean"], abs=1e-5)
        assert value.std().item() == pytest.approx(of_reference["std"], rel=1e-4)


def assert_meets_the_toolbox(model: nn.Module, criterion: nn.Module, expected: dict, folder: Path, batch=None) -> None:
    """Holds `model`, without dropout and drop path, against what the toolbox computed with the same weights: maps,
    prediction, losses, and the norms of the gradients of all parameters. `batch` has further inputs."""
    save_weights(expected, folder / "toolbox.pth")
    assert load_weights(model, folder / "toolbox.pth") == []
    assert sum(parameter.numel() for parameter in model.parameters()) == expected["num_params"]

    image, depth = inputs(**expected.get("input", INPUT))
    batch = {"depth": depth, **(batch or {})}
    intrinsics, size = batch.get("intrinsics"), tuple(image.shape[-2:])
    model.eval()
    with torch.no_grad():
        maps = model.backbone(image)
        if "maps" in expected:
            assert_maps(maps, expected["maps"])
        if "neck" in expected:
            assert_maps(model.neck(maps), expected["neck"])
        outputs = model.predict(image, intrinsics)
        full_size = resize(outputs["depth"], size)
        stride = expected.get("stride", 1)
        assert_excerpt(full_size[..., ::stride, ::stride], expected["prediction"])
        mirrored = resize(model.predict(image.flip(-1), intrinsics)["depth"], size).flip(-1)
        average = (full_size + mirrored) / 2
        assert_excerpt(average[..., ::stride, ::stride], expected["flip_average"])
        assert_losses(criterion(outputs, batch, 0), expected["eval_losses"])

    model.train()
    losses = criterion(model.predict(image, intrinsics), batch, 0)
    assert_losses(losses, expected["train_losses"])
    sum(losses.values()).backward()
    assert_gradients(model, expected)


def assert_losses(losses: dict[str, Tensor], expected: dict[str, float]) -> None:
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(expected, rel=1e-4)


def assert_gradients(model: nn.Module, expected: dict) -> None:
    norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    total = math.hypot(*norms.values())
    assert total == pytest.approx(expected["total_grad_norm"], rel=1e-3)
    table = find_table(expected["shapes"])
    of_reference = {our_name(theirs, table): norm for theirs, norm in expected["grad_norm"].items()}
    assert of_reference.keys() == norms.keys()
    # where a normalisation follows a bias its gradient is 0, and its norm what rounding leaves
    errors = [abs(norms[name] / norm - 1) for name, norm in of_reference.items() if norm > 1e-7 * total]
    assert statistics.median(errors) < 1e-3
    # single norms are less certain than that: noise of 1e-7 in the image moves some by 5e-3, another CPU does too
    assert max(errors) < 1e-2


def without_dropout(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, StochasticDepth):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model
