"""Weights from files: our checkpoints, the toolbox's, torchvision's, those of Swin, timm, DINOv2 and Depth Anything,
told apart by their keys."""

import logging
import math
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from depthkit.checkpoint import load
from depthkit.config import differences
from depthkit.models.backbones.vit import resize_positions
from depthkit.models.names import find_table, our_name
from depthkit.registry import MODELS

logger = logging.getLogger("depthkit")

StateDict = dict[str, Tensor]

# what never reaches the output of DINOv2, Depth Anything, or the toolbox's AdaBins and BinsFormer: our models lack it
UNUSED = re.compile(
    r"(^|\.)mask_token$|\.refinenet4\.resConfUnit1\.|\.original_model\.(bn2|classifier)\."
    r"|\.transformer_encoder\.reference_points\.|\.transformer_decoder\.(decoder\.)?post_norm\."
)


def to_our_names(state: StateDict) -> StateDict:
    """The same weights under depthkit's names, in depthkit's order of channels."""
    renamed, table = {}, find_table(state)
    for name, value in state.items():
        ours = our_name(name, table)
        if is_derived(ours) or UNUSED.search(name):
            continue
        if re.search(r"stages\.\d\.downsample\.", name):
            value = reorder_merge(value)
        renamed[ours] = value
    return renamed


def is_derived(name: str) -> bool:
    """Whether a name stands for numbers that follow from the window size and are in some files all the same."""
    return name.endswith((".attn_mask", ".relative_position_index"))


def reorder_merge(value: Tensor) -> Tensor:
    """(..., 4C) of 2 x 2 tokens: the toolbox's order (channel, row, column) -> torchvision's (column, row, channel)."""
    return value.unflatten(-1, (-1, 2, 2)).transpose(-3, -1).flatten(-3)


def load_model(path: str | Path, config: dict[str, Any] | None = None) -> nn.Module:
    """The model in a checkpoint: built from the model config that lies in it; or from `config`, around weights of any
    kind that depthkit knows, where one weight that the file lacks is a ValueError."""
    content = load(path)
    trained = trained_model(content)
    if config is None:
        if trained is None:
            raise ValueError(f"{path} is no checkpoint of depthkit: name the config of its model")
        model = MODELS.build(trained)
        model.load_state_dict(content["state_dict"])
        return model
    model = MODELS.build(config)
    if trained:
        check_same_model(trained, config, path)
    if missing := fit_weights(model, content, path):
        raise ValueError(f"{path} lacks {len(missing)} weights of the model, such as {missing[0]}")
    return model


def trained_model(content: Any) -> dict[str, Any] | None:
    """The config of the model in a checkpoint of ours; None for others, such as the toolbox's, where it is text."""
    for key in ("meta", "config", "model"):
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else None


def check_same_model(trained: dict[str, Any], config: dict[str, Any], path: str | Path) -> None:
    """Refuses to test one of our checkpoints as another model than it was trained as: the range of depth, how images
    are normalised and what the head's numbers mean are no weights, and would be silently wrong."""
    changes = [line for line in differences(trained, config, "model") if "drop_path_rate" not in line]
    if changes:
        raise ValueError(
            f"{path} was trained as another model than the config's, so its depths would be wrong: use the config that"
            f" lies beside it. The difference is {'; '.join(changes)}"
        )


def load_weights(model: nn.Module, path: str | Path) -> list[str]:
    """Copies the weights in the file that fit `model` by name and shape; logs which did not, fails if none did.

    Returns the names of the weights that keep their start.
    """
    return fit_weights(model, load(path), path)


def fit_weights(model: nn.Module, content: Any, path: str | Path) -> list[str]:
    """The same with what `load` found in the file."""
    state = find_state(content, path)
    if any("depth_head.scratch." in name for name in state):
        logger.warning(
            "%s is of Depth Anything, and three things cannot be read from it. It must be of V2: V1's weights have the"
            " same names, but belong to other blocks. It must be a metric model's (depth_anything_v2_metric_*.pth),"
            " unless as a start for training: the relative model's head predicts no metres. And the model's max_depth,"
            " now %g m, must be that of its training: 20 m for Hypersim, 80 m for Virtual KITTI 2",
            path,
            model.max_depth,
        )
    return copy_fitting(model, to_our_names(state), str(path))


def check_version(state: StateDict, path: str | Path) -> None:
    """Refuses weights that would fit by name and shape, and be silently wrong."""
    place, name = Path(path).parent.name, Path(path).name
    if re.search(r"depth_anything_vit[sbl]14", f"{place}/{name}") and "_v2_" not in name:
        raise ValueError(
            f"{path} is named as the files of Depth Anything V1: their weights fit by name and shape, but are for other"
            f" blocks of the backbone and would be silently wrong here; take a file of Depth Anything V2"
        )
    if any(key.endswith("register_tokens") for key in state):
        raise ValueError(
            f"{path} is of DINOv2 with registers, which the backbone here has not: take the file without, such as"
            " dinov2_vits14_pretrain.pth"
        )


def load_backbone(backbone: nn.Module, source: str) -> None:
    """Copies the weights that fit into `backbone`, from the file `source` or, if that is "torchvision", from those that
    it publishes; logs which did not, fails if none did."""
    state = fetch_weights(backbone) if source == "torchvision" else to_our_names(find_state(load(source), source))
    others = ("neck.", "decode_head.")  # of a file that holds a whole model
    state = {name.removeprefix("backbone."): value for name, value in state.items() if not name.startswith(others)}
    copy_fitting(backbone, state, source)


def find_state(content: Any, path: str | Path) -> StateDict:
    """The weights in a checkpoint, or in a file that holds them alone, under its own names."""
    for key in ("state_dict", "model"):
        content = content.get(key, content) if isinstance(content, dict) else content
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; weights are a dict of named tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(f"{path} has a {type(value).__name__} as {name!r}; weights are a dict of named tensors")
    check_version(content, path)
    return content


def fetch_weights(backbone: nn.Module) -> StateDict:
    """The weights that torchvision publishes for `backbone`, under our names."""
    try:
        return to_our_names(backbone.published_weights())
    except (OSError, RuntimeError) as error:  # no network; or something else than the weights came back
        raise ValueError(
            f"torchvision's weights cannot be fetched ({error}): give a file with --cfg-options pretrained=FILE,"
            f" or start from random weights with --cfg-options pretrained=None"
        ) from error


def copy_fitting(module: nn.Module, state: StateDict, source: str) -> list[str]:
    """Copies what fits by name and shape; logs the names of what did not, on either side; returns those in `module`."""
    own = {name: value for name, value in module.state_dict().items() if not is_derived(name)}
    for name in state.keys() & own.keys():
        if name.endswith("pos_embed"):
            state = state | {name: fit_positions(state[name], own[name].shape[1])}
    fitting = {name for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise ValueError(
            f"{source}: none of its {len(state)} weights, such as {min(state, default='')!r}, fits the model, which has"
            f" {min(own)!r}"
        )
    reshaped = sorted((state.keys() & own.keys()) - fitting)
    matrices = [name for name in state.keys() & own.keys() if own[name].dim() > 1]  # norms fit many a size
    if 2 * len(fitting.intersection(matrices)) < len(matrices):
        name = reshaped[0]
        raise ValueError(
            f"{source} is of another size than the model: {len(reshaped)} weights have other shapes, such as {name!r},"
            f" which is {tuple(state[name].shape)} there and {tuple(own[name].shape)} here"
        )
    module.load_state_dict({name: state[name] for name in fitting}, strict=False)
    logger.info("Loaded %d of %d weights from %s", len(fitting), len(own), source)
    for fault, names in (
        ("not in the file, so they keep their start", sorted(own.keys() - state.keys())),
        ("in the file, but not in the model", sorted(state.keys() - own.keys())),
        ("of another shape, so they keep their start", reshaped),
    ):
        if names:
            logger.warning("%d weights are %s: %s", len(names), fault, ", ".join(names))
    return sorted(own.keys() - fitting)


def fit_positions(positions: Tensor, count: int) -> Tensor:
    """A ViT's positions (1, 1 + n * n, C) -> (1, count, C), count = 1 + m * m; those of no square stay as they are."""
    old, new = (math.isqrt(number - 1) for number in (positions.shape[1], count))
    if old == new or old**2 != positions.shape[1] - 1:
        return positions
    logger.info("Positions of %d x %d patches are resized to %d x %d", old, old, new, new)
    return resize_positions(positions, (new, new))
