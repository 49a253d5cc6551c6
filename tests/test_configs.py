"""Every config in configs/: built in full, and the smallest of each method trained and evaluated for real."""

import re
from pathlib import Path

import pytest
import torch

from depthkit.build import build_hooks, build_runner
from depthkit.config import load_config
from depthkit.models.losses import Criterion
from depthkit.optim import build_momentum_schedule, build_optimizer, build_schedule
from depthkit.protocols import find_protocol
from depthkit.registry import DATA, MODELS
from depthkit.train import parse_args, read_config

CONFIGS = Path(__file__).parents[1] / "configs"
RECIPES = sorted(path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts)
BASE_MODELS = sorted((CONFIGS / "_base_" / "models").glob("*.py"))
ROOMS = {"type": "SyntheticDataset", "max_depth": 10, "num_images": 2}


def name(path):
    return str(path.relative_to(CONFIGS))


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_every_part_of_a_recipe_can_be_built(path):
    config = load_config(path)
    with torch.device("meta"):
        model = MODELS.build(config.model)
    Criterion({name: MODELS.build(loss) for name, loss in config.criterion.items()})
    build_optimizer(model, config.optimizer)
    total_steps = config.runner.max_epochs * (config.runner.iters_per_epoch or 1500)
    schedule = build_schedule(
        config.lr_config, base_lr=config.optimizer.lr, total_steps=total_steps, steps_per_epoch=1500
    )
    assert 0 < max(schedule(step) for step in range(0, total_steps, 100)) < 1e-2
    build_momentum_schedule(config.momentum_config, total_steps)
    build_hooks(config, evaluates=True)
    for split in filter(None, (config.data.train, config.data.val, config.data.test)):
        dataset = DATA.build(split)  # reads no files
        assert dataset.max_depth <= model.max_depth
        if split is not config.data.train:
            find_protocol(dataset.protocol)


@pytest.mark.parametrize("path", BASE_MODELS, ids=name)
def test_a_base_model_tells_its_size(path):
    with torch.device("meta"):
        model = MODELS.build(load_config(path).model)
    (told,) = re.findall(r"([\d.]+) M parameters", path.read_text())
    assert float(told) == pytest.approx(sum(p.numel() for p in model.parameters()) / 1e6, abs=0.06)


TINY_SWIN = ("model.backbone.embed_dims=48", "model.backbone.depths=(2,2,2,2)", "model.backbone.num_heads=(2,4,8,16)")
# the smallest recipe of each method, the smallest images that show its parts at work, and what makes it smaller still
SMALLEST = {
    "quickstart.py": (48, 64),
    "swin_nyu.py": (64, 96),
    "depthformer/depthformer_swint_nyu.py": (64, 96),
    "bts/bts_r50_nyu_24e.py": (64, 96),
    "adabins/adabins_r50_nyu_24e.py": (64, 96),
    "dpt/dpt_vit-b16_nyu.py": (48, 64),
    "depth_anything/depth_anything_v2_vits_nyu.py": (45, 61),
    "binsformer/binsformer_swinl_kitti.py": (
        64,
        96,
        *TINY_SWIN,
        "model.max_depth=10",
        "model.decode_head.in_channels=(48,96,192,384)",
        "model.decode_head.channels=64",
    ),
    "newcrfs/newcrfs_swinl_nyu.py": (
        64,
        96,
        *TINY_SWIN,
        "model.neck.in_channels=(48,96,192,384)",
        "model.decode_head.in_channels=(48,96,192,384)",
    ),
}


@pytest.mark.parametrize("recipe", SMALLEST)
def test_training_reaches_every_parameter(recipe, tmp_path):
    height, width, *options = SMALLEST[recipe]
    options = ["--work-dir", str(tmp_path), "--seed", "0", "--cfg-options", "pretrained=None", *options]
    args = parse_args([str(CONFIGS / recipe), *options])
    config = read_config(args)
    rooms = {**ROOMS, "height": height, "width": width}
    config["data"] = type(config)(
        {**config.data, "samples_per_gpu": 2, "workers_per_gpu": 0}
        | {"train": {**rooms, "scene_seed": 0}, "val": {**rooms, "scene_seed": 1, "protocol": "full"}}
    )
    # two steps: some layers begin at 0, and what lies before them gets no gradient in the first
    config["runner"] = type(config)({"max_epochs": 1, "iters_per_epoch": 2})
    config["custom_hooks"] = []
    config["evaluation"] = type(config)({"interval": 1, "save_best": None, "rule": None})
    config["log_config"] = type(config)({"interval": 1, "hooks": [{"type": "TextLoggerHook"}]})
    runner = build_runner(config, args, torch.device("cpu"))
    runner.train()
    assert runner.evaluation.num_images == 2
    moved = runner.optimizer.state_dict()["state"]
    still = [place for place, state in moved.items() if not state["exp_avg"].any()]
    parameters = [parameter for group in runner.optimizer.param_groups for parameter in group["params"]]
    names = {parameter: name for name, parameter in runner.model.named_parameters()}
    assert len(moved) == len(parameters)
    assert [names[parameters[place]] for place in still] == []
