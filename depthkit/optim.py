"""Optimizers, their parameter groups, and schedules: learning rate and momentum as pure functions of the steps done.

The schedules meet those of the toolbox's configs, warm-up included, but for one thing: a group's lr_mult holds under
every policy.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from depthkit.registry import OPTIM

Schedule = Callable[[int], float]

for _optimizer in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
    OPTIM.register(_optimizer)


def build_optimizer(model: nn.Module, config: dict[str, Any]) -> Optimizer:
    """The optimizer that `config` names, fused, over the parameters of `model` that are trained.

    config["paramwise_cfg"] may hold `custom_keys`, {part of a parameter's name: dict(lr_mult=1, decay_mult=1)}, where
    the longest part that fits wins, and for all other parameters `norm_decay_mult` and `bias_decay_mult`.
    Each group keeps its "lr_mult" for `set_lr`.
    """
    config = dict(config)
    rules = config.pop("paramwise_cfg", None) or {}
    _check_keys("optimizer.paramwise_cfg", rules, ("custom_keys", "norm_decay_mult", "bias_decay_mult"))
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    for key, rule in rules.get("custom_keys", {}).items():
        where = f"optimizer.paramwise_cfg.custom_keys[{key!r}]"
        if not isinstance(rule, dict):
            raise ValueError(f"{where} is {rule!r}; it takes dict(lr_mult=..., decay_mult=...)")
        _check_keys(where, rule, ("lr_mult", "decay_mult"))
        if not any(key in name for name in trained):
            raise ValueError(f"optimizer.paramwise_cfg.custom_keys: no trained parameter's name holds {key!r}")

    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        owner = model.get_submodule(name.rpartition(".")[0])
        groups.setdefault(_multipliers(name, owner, **rules), []).append(parameter)
    params = [
        {"params": members, "lr_mult": lr_mult, "decay_mult": decay_mult}
        for (lr_mult, decay_mult), members in groups.items()
    ]
    optimizer = OPTIM.build(config, params=params, fused=True)
    for group in optimizer.param_groups:
        group["weight_decay"] *= group["decay_mult"]
    return optimizer


def _multipliers(
    name: str,
    owner: nn.Module,
    custom_keys: dict[str, dict[str, float]] | None = None,
    norm_decay_mult: float = 1.0,
    bias_decay_mult: float = 1.0,
) -> tuple[float, float]:
    """(lr_mult, decay_mult) of the parameter `name`, which belongs to `owner`."""
    fitting = [key for key in custom_keys or {} if key in name]
    if fitting:
        rule = custom_keys[min(fitting, key=lambda key: (-len(key), key))]
        return rule.get("lr_mult", 1.0), rule.get("decay_mult", 1.0)
    if isinstance(owner, (_BatchNorm, nn.GroupNorm, nn.LayerNorm)):
        return 1.0, norm_decay_mult
    return 1.0, bias_decay_mult if name.endswith("bias") else 1.0


def _check_keys(where: str, config: dict[str, Any], known: Iterable[str]) -> None:
    if unknown := config.keys() - set(known):
        raise ValueError(f"{where} has no {', '.join(sorted(unknown))}; it takes: {', '.join(known)}")


def set_lr(optimizer: Optimizer, lr: float, momentum: float | None = None) -> None:
    """Gives each group `lr` times its lr_mult and, unless None, `momentum`: SGD's, or the first beta of Adam."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_mult"]
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        elif momentum is not None:
            group["momentum"] = momentum


# Learning rates -------------------------------------------------------------------------------------------------------


def build_schedule(
    config: dict[str, Any], base_lr: float, total_steps: int, steps_per_epoch: int, scale: float = 1.0
) -> Schedule:
    """The learning rate as a function of the steps done, for an lr_mult of 1, times `scale`.

    `config` holds policy, by_epoch (change at each step or each epoch; OneCycle by step unless told otherwise, the
    others by epoch), the policy's own arguments, and those of `warm_up`.
    """
    config = dict(config)
    policy = config.pop("policy", None)
    by_epoch = config.pop("by_epoch", policy != "OneCycle")
    warm = {key: config.pop(key) for key in list(config) if key.startswith("warmup")}
    unit = steps_per_epoch if by_epoch else 1
    curve = OPTIM.build({"type": policy, **config}, base_lr=base_lr, total=total_steps // unit)
    _check_keys("lr_config", warm, [key for key in signature(warm_up).parameters if key.startswith("warmup")])
    factor = warm_up(steps_per_epoch=steps_per_epoch, **warm)
    try:
        curve(0), factor(0)  # a value of a wrong type shows here, not in the first step
    except TypeError as error:
        raise ValueError(f"lr_config {config}: {error}") from error
    return lambda step: scale * curve(step // unit) * factor(step)


def warm_up(
    steps_per_epoch: int,
    warmup: str | None = None,
    warmup_iters: int = 0,
    warmup_ratio: float = 0.1,
    warmup_by_epoch: bool = False,
) -> Schedule:
    """A factor from `warmup_ratio` to 1 over the first `warmup_iters` steps, or epochs if `warmup_by_epoch`."""
    steps = warmup_iters * (steps_per_epoch if warmup_by_epoch else 1)
    shapes = {
        "constant": lambda done: warmup_ratio,
        "linear": lambda done: 1 - (1 - done) * (1 - warmup_ratio),
        "exp": lambda done: warmup_ratio ** (1 - done),
    }
    if warmup is None:
        if warmup_iters:
            raise ValueError(
                f"lr_config has warmup_iters={warmup_iters} but no warmup: name one of {', '.join(shapes)}"
            )
        return lambda step: 1.0
    if warmup not in shapes:
        raise ValueError(f"lr_config.warmup is {warmup!r}; use None or one of {', '.join(shapes)}")
    shape = shapes[warmup]
    return lambda step: shape(step / steps) if step < steps else 1.0


def cosine(start: float, end: float, done: float) -> float:
    """From `start` at done = 0 to `end` at done = 1 along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def linear(start: float, end: float, done: float) -> float:
    return start + (end - start) * done


def piecewise(points: Sequence[tuple[float, float]], anneal: Callable[[float, float, float], float]) -> Schedule:
    """Through `points` (step, value) in turn, between them as `anneal` says."""

    def value(step: int) -> float:
        following = next(i for i, (end, _) in enumerate(points) if step <= end or i == len(points) - 1)
        (begin, start), (finish, end) = points[max(following - 1, 0)], points[max(following, 1)]
        if begin == finish:  # a phase that is over before the first step
            return end
        return anneal(start, end, (step - begin) / (finish - begin))

    return value


ANNEALING = {"cos": cosine, "linear": linear}


def fixed(base_lr: float, total: int) -> Schedule:
    return lambda _: base_lr


def step_down(base_lr: float, total: int, step: int | Sequence[int], gamma: float = 0.1) -> Schedule:
    """Times `gamma` at each number in `step`, or after every `step` units if it is one number."""
    if isinstance(step, int):
        return lambda done: base_lr * gamma ** (done // step)
    return lambda done: base_lr * gamma ** bisect_right(step, done)


def poly(base_lr: float, total: int, power: float = 1.0, min_lr: float = 0.0) -> Schedule:
    return lambda done: min_lr + (base_lr - min_lr) * (1 - done / total) ** power


def cosine_annealing(
    base_lr: float, total: int, min_lr: float | None = None, min_lr_ratio: float | None = None
) -> Schedule:
    """Half a cosine down to `min_lr`, or to `min_lr_ratio` times the base (Loshchilov & Hutter 2017, no restarts)."""
    if (min_lr is None) == (min_lr_ratio is None):
        raise ValueError(
            f"CosineAnnealing takes min_lr or min_lr_ratio, one of them; it got {min_lr} and {min_lr_ratio}"
        )
    end = base_lr * min_lr_ratio if min_lr is None else min_lr
    return lambda done: cosine(base_lr, end, done / total)


def one_cycle(
    base_lr: float,
    total: int,
    max_lr: float | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """From max_lr / div_factor up to max_lr during `pct_start` of the steps, then down to the start / final_div_factor,
    with `three_phase` by way of the start (Smith & Topin 2018, "Super-convergence"). `max_lr` is the base by default.
    """
    if anneal_strategy not in ANNEALING:
        raise ValueError(f"lr_config.anneal_strategy is {anneal_strategy!r}; use {' or '.join(ANNEALING)}")
    peak = base_lr if max_lr is None else max_lr
    start = peak / div_factor
    points = [(0, start), (pct_start * total - 1, peak), (total - 1, start / final_div_factor)]
    if three_phase:
        points.insert(2, (2 * pct_start * total - 2, start))
    return piecewise(points, ANNEALING[anneal_strategy])


OPTIM.register(fixed)
OPTIM.register(poly)
OPTIM.register(step_down, "step")
OPTIM.register(cosine_annealing, "CosineAnnealing")
OPTIM.register(one_cycle, "OneCycle")


# Momentum -------------------------------------------------------------------------------------------------------------


def build_momentum_schedule(config: dict[str, Any] | None, total_steps: int) -> Schedule | None:
    """SGD's momentum, or Adam's first beta, as a function of the steps done; None without a config."""
    if not config:
        return None
    config = dict(config)
    policy = config.pop("policy", None)
    if policy != "OneCycle":
        raise ValueError(f"momentum_config.policy is {policy!r}; only 'OneCycle' exists")
    _check_keys("momentum_config", config, list(signature(one_cycle_momentum).parameters)[1:])
    return one_cycle_momentum(total_steps, **config)


def one_cycle_momentum(
    total: int, base_momentum: float = 0.85, max_momentum: float = 0.95, pct_start: float = 0.3
) -> Schedule:
    """Mirrors the learning rate: from max_momentum down to base_momentum at its peak, and back."""
    return piecewise([(0, max_momentum), (pct_start * total - 1, base_momentum), (total - 1, max_momentum)], cosine)
