"""Weights from files: our checkpoints, the toolbox's, torchvision's, those of Swin, timm, DINOv2 and Depth Anything,
told apart by their keys."""

import logging
import math
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from depthkit.checkpoint import load
from depthkit.models.backbones.vit import resize_positions
from depthkit.registry import MODELS

logger = logging.getLogger("depthkit")

StateDict = dict[str, Tensor]

# From others' names to ours, tried in turn on each key. Names that are ours already stay as they are.
RENAMES = [
    # the toolbox's DenseDepth decoder
    (r"decode_head\.conv_list\.0\.conv\.", "decode_head.project."),
    (r"decode_head\.conv_list\.(\d)\.convA\.conv\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.conv_a."),
    (r"decode_head\.conv_list\.(\d)\.convB\.conv\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.conv_b."),
    # Swin in the toolbox
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"stages\.(\d)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"stages\.(\d)\.downsample\.", r"merges.\1."),
    (r"\.attn\.w_msa\.", ".attn."),
    (r"\.ffn\.layers\.0\.0\.", ".mlp.0."),
    (r"\.ffn\.layers\.1\.", ".mlp.3."),
    (r"^(backbone\.)?norm(\d)\.", lambda m: f"{m[1] or ''}norms.{m[2]}."),
    # DepthFormer's neck in the toolbox
    (r"^neck\.conv_(proj|fusion)\.0\.", r"neck.conv_\1."),
    # the official Swin
    (r"^layers\.(\d)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"^layers\.(\d)\.downsample\.", r"merges.\1."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    # torchvision's Swin
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"^features\.([1357])\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.{m[2]}."),
    (r"^features\.([246])\.", lambda m: f"merges.{int(m[1]) // 2 - 1}."),
    # ViT in the toolbox
    (r"^(backbone\.)?layers\.(\d+)\.ln(\d)\.", r"\1blocks.\2.norm\3."),
    (r"^(backbone\.)?layers\.(\d+)\.attn\.attn\.in_proj_", r"\1blocks.\2.attn.qkv."),
    (r"^(backbone\.)?layers\.(\d+)\.attn\.attn\.out_proj\.", r"\1blocks.\2.attn.proj."),
    (r"^(backbone\.)?layers\.(\d+)\.mlp\.", r"\1blocks.\2.mlp."),
    # torchvision's ViT; timm's has our names but for the layers of `mlp`, which it shares with the official Swin
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.ln_(\d)\.", r"blocks.\1.norm\2."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_", r"blocks.\1.attn.qkv."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(linear_1|0)\.", r"blocks.\1.mlp.0."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(linear_2|3)\.", r"blocks.\1.mlp.3."),
    # DPT in the toolbox
    (r"^decode_head\.reassemble_blocks\.readout_projects\.(\d)\.0\.", r"decode_head.readouts.\1."),
    (r"^decode_head\.reassemble_blocks\.projects\.(\d)\.conv\.", r"decode_head.decoder.projects.\1."),
    (r"^decode_head\.reassemble_blocks\.resize_layers\.", "decode_head.decoder.resizes."),
    (r"^decode_head\.convs\.(\d)\.conv\.", r"decode_head.decoder.reduces.\1."),
    (r"^decode_head\.fusion_blocks\.(\d)\.", lambda m: f"decode_head.decoder.fusions.{3 - int(m[1])}."),
    (r"(\.fusions\.\d\.project)\.conv\.", r"\1."),
    (r"(\.fusions\.\d)\.res_conv_unit1\.", r"\1.skip_unit."),
    (r"(\.fusions\.\d)\.res_conv_unit2\.", r"\1.unit."),
    (r"(\.fusions\.\d\.\w+)\.conv1\.conv\.", r"\1.conv_a."),
    (r"(\.fusions\.\d\.\w+)\.conv2\.conv\.", r"\1.conv_b."),
    (r"^decode_head\.project\.conv\.", "decode_head.project."),
    (r"^decode_head\.conv_depth\.head\.0\.", "decode_head.output.conv_a."),
    (r"^decode_head\.conv_depth\.head\.2\.", "decode_head.output.conv_b."),
    (r"^decode_head\.conv_depth\.head\.4\.", "decode_head.output.conv_depth."),
    # Depth Anything; its backbone has DINOv2's names, which are ours but for the layers of `mlp`
    (r"^pretrained\.", "backbone."),
    (r"^depth_head\.projects\.", "decode_head.decoder.projects."),
    (r"^depth_head\.resize_layers\.", "decode_head.decoder.resizes."),
    (r"^depth_head\.scratch\.layer(\d)_rn\.", lambda m: f"decode_head.decoder.reduces.{int(m[1]) - 1}."),
    (r"^depth_head\.scratch\.refinenet(\d)\.", lambda m: f"decode_head.decoder.fusions.{int(m[1]) - 1}."),
    (r"(\.fusions\.\d)\.resConfUnit1\.", r"\1.skip_unit."),
    (r"(\.fusions\.\d)\.resConfUnit2\.", r"\1.unit."),
    (r"(\.fusions\.\d\.\w+)\.conv1\.", r"\1.conv_a."),
    (r"(\.fusions\.\d\.\w+)\.conv2\.", r"\1.conv_b."),
    (r"(\.fusions\.\d)\.out_conv\.", r"\1.project."),
    (r"^depth_head\.scratch\.output_conv1\.", "decode_head.output.conv_a."),
    (r"^depth_head\.scratch\.output_conv2\.0\.", "decode_head.output.conv_b."),
    (r"^depth_head\.scratch\.output_conv2\.2\.", "decode_head.output.conv_depth."),
]

# what never reaches the output of DINOv2, or of Depth Anything, and is no part of our models
UNUSED = re.compile(r"(^|\.)mask_token$|\.refinenet4\.resConfUnit1\.")


def to_our_names(state: StateDict) -> StateDict:
    """The same weights under depthkit's names, in depthkit's order of channels."""
    renamed = {}
    for name, value in state.items():
        ours = name.removeprefix("module.")
        for pattern, replacement in RENAMES:
            ours = re.sub(pattern, replacement, ours)
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
    if config is None:
        state = load(path)
        if "config" not in state.get("meta", {}) or "runner" not in state:
            raise ValueError(f"{path} is no checkpoint of depthkit: name the config of its model")
        model = MODELS.build(state["meta"]["config"]["model"])
        model.load_state_dict(state["state_dict"])
        return model
    model = MODELS.build(config)
    if missing := load_weights(model, path):
        raise ValueError(f"{path} lacks {len(missing)} weights of the model, such as {missing[0]}")
    return model


def load_weights(model: nn.Module, path: str | Path) -> list[str]:
    """Copies the weights in the file that fit `model` by name and shape; logs which did not, fails if none did.

    Returns the names of the weights that keep their start.
    """
    state = read_state(path)
    if any("depth_head.scratch." in name for name in state):
        check_depth_anything(str(path), model.max_depth)
    return copy_fitting(model, to_our_names(state), str(path))


def check_depth_anything(path: str, max_depth: float) -> None:
    """Refuses files that are named as the first version's; says what no file of Depth Anything tells by itself."""
    if re.search(r"depth_anything_vit[sbl]14", path):
        raise ValueError(
            f"{path} is named as the files of Depth Anything V1: their weights fit by name and shape, but are for other"
            f" blocks of the backbone and would be silently wrong here; take a file of Depth Anything V2"
        )
    logger.warning(
        "%s is of Depth Anything, and three things cannot be read from it. It must be of V2: V1's weights have the same"
        " names, but belong to other blocks. It must be a metric model's (depth_anything_v2_metric_*.pth), unless as a"
        " start for training: the relative model's head predicts no metres. And the model's max_depth, now %g m, must"
        " be that of its training: 20 m for Hypersim, 80 m for Virtual KITTI 2",
        path,
        max_depth,
    )


def load_backbone(backbone: nn.Module, source: str) -> None:
    """The same for a backbone: `source` is a file, or "torchvision" for the weights that it publishes."""
    state = fetch_weights(backbone) if source == "torchvision" else to_our_names(read_state(source))
    others = ("neck.", "decode_head.")  # of a file that holds a whole model
    state = {name.removeprefix("backbone."): value for name, value in state.items() if not name.startswith(others)}
    copy_fitting(backbone, state, source)


def read_state(path: str | Path) -> StateDict:
    """The weights in a checkpoint, or in a file that holds them alone, under its own names."""
    content = load(path)
    for key in ("state_dict", "model"):
        if not isinstance(content, dict):
            raise ValueError(f"{path} holds a {type(content).__name__}; weights are a dict of named tensors")
        content = content.get(key, content)
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
    module.load_state_dict({name: state[name] for name in fitting}, strict=False)
    logger.info("Loaded %d of %d weights from %s", len(fitting), len(own), source)
    reshaped = sorted((state.keys() & own.keys()) - fitting)
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
