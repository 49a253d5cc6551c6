"""A training run, put together from its config."""

import argparse
import logging
import math
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

import depthkit.data  # noqa: F401  fills the registry
from depthkit import checkpoint, distributed, logs
from depthkit.config import Config, differences, format_config
from depthkit.data.dataset import ToleratingDataset
from depthkit.data.loader import eval_loader, train_loader
from depthkit.evaluate import evaluate
from depthkit.hooks import CheckpointHook, EvalHook, Hook
from depthkit.models.losses import Criterion
from depthkit.models.weights import load_backbone, load_weights
from depthkit.optim import build_momentum_schedule, build_optimizer, build_schedule
from depthkit.protocols import find_protocol
from depthkit.registry import DATA, HOOKS, MODELS
from depthkit.runner import Runner

logger = logging.getLogger("depthkit")


def build_runner(config: Config, args: argparse.Namespace, device: torch.device) -> Runner:
    """The parts of a run, in the order in which they need each other; `args` are those of depthkit.train."""
    torch.backends.cudnn.benchmark = config.cudnn_benchmark
    if args.deterministic:
        be_deterministic()

    timestamp = open_log(config)
    resumed = find_resumed(config)
    state = checkpoint.load_run(resumed) if resumed else None
    config["seed"] = state["runner"]["seed"] if state else draw_seed(config.seed)
    meta = {"timestamp": timestamp, **describe(config, args, device)}

    loader, evaluate = build_data(config, device, validate=not args.no_validate)
    torch.manual_seed(config.seed)
    model, criterion = build_model(config, device, fresh=state is None)
    steps_per_epoch = loader.batch_sampler.steps_per_epoch
    steps = {"total_steps": config.runner.max_epochs * steps_per_epoch, "steps_per_epoch": steps_per_epoch}
    scale = lr_scale(config) if args.auto_scale_lr else 1.0
    clip = config.optimizer_config.grad_clip
    runner = Runner(
        model,
        criterion,
        build_optimizer(model, config.optimizer),
        build_schedule(config.lr_config, base_lr=config.optimizer.lr, scale=scale, **steps),
        loader,
        momentum_schedule=build_momentum_schedule(config.momentum_config, steps["total_steps"]),
        max_norm=clip.max_norm if clip else math.inf,
        max_skipped=config.optimizer_config.max_skipped,
        max_bad_samples=config.data.max_bad_samples,
        timeout=config.dist_params.timeout,
        max_epochs=config.runner.max_epochs,
        evaluate=evaluate,
        hooks=build_hooks(config, evaluates=evaluate is not None),
        log_interval=config.log_config.interval,
        find_unused_parameters=config.find_unused_parameters,
        work_dir=Path(config.work_dir),
        device=device,
        seed=config.seed,
        meta=meta,
    )
    if state:
        compare_configs(state["meta"]["config"], config)
        runner.load_state_dict(state)
        logger.info("Resumed from %s, after %d epochs and %d steps in all", resumed, runner.epoch, runner.step)
    elif config.resume_from:
        logger.info("There is no checkpoint in %s to resume from: a fresh start", config.work_dir)
    return runner


def compare_configs(before: dict[str, Any], config: Config) -> None:
    """Tells how the config of a resumed run differs from its checkpoint's; an optimizer of another type is an error."""
    now, here = config.plain(), ("work_dir", "resume_from", "load_from", "pretrained")
    if changes := [line for line in differences(before, now) if not line.startswith(here)]:
        logger.info("The config has changed since the checkpoint:\n%s", "\n".join(changes))
    types = [settings["optimizer"]["type"] for settings in (before, now)]
    if types[0] != types[1]:
        raise ValueError(
            f"the checkpoint's optimizer is {types[0]}, the config's {types[1]}: start from the weights alone with"
            " --load-from, in another --work-dir"
        )


def be_deterministic() -> None:
    # cuBLAS reads this when it starts: https://docs.nvidia.com/cuda/cublas, "Results reproducibility"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def find_resumed(config: Config) -> Path | None:
    """The checkpoint to go on from, the same on every rank, or None for a fresh start."""
    work_dir = Path(config.work_dir)
    if config.resume_from == "auto":
        return distributed.from_main(checkpoint.find_newest(work_dir) if distributed.is_main() else None)
    if config.resume_from:
        return Path(config.resume_from)
    if files := checkpoint.resumable_files(work_dir):
        raise ValueError(
            f"{work_dir} holds checkpoints of an earlier run, such as {files[-1].name}: go on from them with"
            f" --resume-from auto, or start anew in another folder with --work-dir"
        )
    return None


def draw_seed(seed: int | None) -> int:
    """The configured seed, else one drawn on rank 0 for all."""
    return distributed.from_main(secrets.randbits(31) if seed is None else seed)


def open_log(config: Config) -> str:
    """Opens the work dir and the log in it, which is called by the time that is returned."""
    work_dir, timestamp = Path(config.work_dir), time.strftime("%Y%m%d_%H%M%S")
    if distributed.is_main():
        work_dir.mkdir(parents=True, exist_ok=True)
        checkpoint.claim(work_dir)
    logs.setup(work_dir / f"{timestamp}.log", config.log_level, distributed.rank())
    return timestamp


def describe(config: Config, args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Writes down what runs, and where; returns what later files of this run should say about it."""
    work_dir = Path(config.work_dir)
    if distributed.is_main():
        (work_dir / Path(args.config).name).write_text(format_config(config))
    environment = logs.environment(device, distributed.world_size())
    logger.info("Environment\n%s", "\n".join(f"{name:10} {fact}" for name, fact in environment.items()))
    logger.info("Config %s, resolved in %s\n%s", args.config, work_dir, format_config(config))
    logger.info("Seed %d", config.seed)
    return {"environment": environment, "seed": config.seed, "config": config.plain()}


def build_model(config: Config, device: torch.device, fresh: bool) -> tuple[nn.Module, nn.Module]:
    """The model, with the weights it starts from, and its criterion."""
    model = MODELS.build(config.model)
    criterion = Criterion({name: MODELS.build(loss) for name, loss in config.criterion.items()})
    # rank 0 alone reads weights: the others receive them when the model is made data parallel
    if fresh and distributed.is_main():
        if config.load_from:
            load_weights(model, config.load_from)
        elif config.pretrained:
            load_backbone(model.backbone, config.pretrained)
    logger.info("Model %s, %.2f M parameters", type(model).__name__, sum(p.numel() for p in model.parameters()) / 1e6)
    if config.SyncBN and distributed.world_size() > 1:
        model = distributed.convert_sync_batchnorm(model, device)
    return model.to(device), criterion


def build_data(config: Config, device: torch.device, validate: bool) -> tuple[DataLoader, Callable | None]:
    """The training loader, and the evaluation of a model on the validation set, or None without one."""
    ranks = {"rank": distributed.rank(), "world_size": distributed.world_size(), "pin_memory": device.type == "cuda"}
    sizes = {"batch_size": config.data.samples_per_gpu, "workers": config.data.workers_per_gpu}
    train_set = DATA.build(config.data.train, seed=config.seed)
    if config.data.max_bad_samples:
        train_set = ToleratingDataset(train_set)
    else:
        train_set.check()
    iters_per_epoch = config.runner.iters_per_epoch
    loader = train_loader(train_set, seed=config.seed, iters_per_epoch=iters_per_epoch, **sizes, **ranks)
    logger.info("Training on %d samples, %d steps an epoch", len(train_set), loader.batch_sampler.steps_per_epoch)
    if not (validate and config.data.val):
        return loader, None
    val_set = DATA.build(config.data.val)
    val_set.check()
    logger.info("Validating on %d samples by protocol %s", len(val_set), val_set.protocol)
    if config.data.val == config.data.test:
        logger.info("Validation and test set are the same: the best checkpoint is selected on the test split")
    protocol = find_protocol(val_set.protocol).within(val_set.min_depth, val_set.max_depth)
    return loader, partial(evaluate, loader=eval_loader(val_set, **sizes, **ranks), protocol=protocol, device=device)


def build_test_loader(config: Config, split: str, device: torch.device) -> DataLoader:
    """This rank's share of the set that `split` names, for an evaluation."""
    if not config.data[split]:
        raise ValueError(f"the config's data.{split} is empty: choose another --split, or say what it holds")
    return eval_loader(
        DATA.build(config.data[split]),
        config.data.samples_per_gpu,
        config.data.workers_per_gpu,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        pin_memory=device.type == "cuda",
    )


def lr_scale(config: Config) -> float:
    """The global batch's size by that which the config's learning rate is stated for."""
    global_batch = config.data.samples_per_gpu * distributed.world_size()
    scale = global_batch / config.base_batch_size
    logger.info("Learning rate x %g: global batch %d, stated for %d", scale, global_batch, config.base_batch_size)
    return scale


def build_hooks(config: Config, evaluates: bool) -> list[Hook]:
    """Evaluation first, so that loggers and custom hooks see its result; checkpoints last, so that they hold it."""
    evaluation = [EvalHook(config.evaluation.interval)] if evaluates else []
    loggers = [HOOKS.build(hook) for hook in config.log_config.hooks]
    custom = [HOOKS.build(hook) for hook in config.custom_hooks]
    best = {"save_best": config.evaluation.save_best, "rule": config.evaluation.rule}
    return [*evaluation, *loggers, *custom, CheckpointHook(**config.checkpoint_config, **best)]
