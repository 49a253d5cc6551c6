import json
from pathlib import Path

import pytest
import torch
from torch import nn

from depthkit.optim import build_momentum_schedule, build_optimizer, build_schedule, set_lr

# Learning rates and first betas that the toolbox sets at some steps of 13 runs, one column a parameter.
CURVES = json.loads((Path(__file__).parent / "data" / "lr_schedules.json").read_text())
POLICIES = {"Poly": "poly", "Step": "step", "Fixed": "fixed"}


def reference_model():
    parts = {"backbone": nn.Linear(2, 2), "norm": nn.LayerNorm(2), "decode_head": nn.Linear(2, 1)}
    return nn.ModuleDict(parts)


def lr_config_of(curve):
    config = dict(curve["lr_config"])
    policy = config.pop("type").removesuffix("LrUpdaterHook")
    if "warmup" not in config:
        config.pop("warmup_iters", None)  # without effect in the toolbox, refused here
    return {"policy": POLICIES.get(policy, policy), **config}


@pytest.mark.parametrize("name", CURVES)
def test_schedules_meet_the_toolbox(name):
    curve = CURVES[name]
    optimizer = build_optimizer(reference_model(), curve["optimizer"])
    config = lr_config_of(curve)
    schedule = build_schedule(config, curve["optimizer"]["lr"], curve["total"], curve["steps_per_epoch"])
    momentum = build_momentum_schedule({"policy": "OneCycle"} if curve["momentum"] else None, curve["total"])
    mults = [group["lr_mult"] for group in optimizer.param_groups for _ in group["params"]]
    for step, lrs, beta in zip(curve["steps"], curve["lr"], curve["beta1"], strict=True):
        set_lr(optimizer, schedule(step), momentum(step) if momentum else None)
        ours = [group["lr"] for group in optimizer.param_groups for _ in group["params"]]
        expected = lrs if len(lrs) > 1 else lrs * len(ours)
        if config["policy"] == "OneCycle":  # on purpose: the toolbox's forgets lr_mult, depthkit's does not
            expected = [lr * mult for lr, mult in zip(expected, mults, strict=True)]
        assert sorted(ours) == pytest.approx(sorted(expected), rel=1e-9)
        assert optimizer.param_groups[0]["betas"][0] == pytest.approx(beta, rel=1e-12)


def test_scale_multiplies_the_whole_curve():
    config = {"policy": "CosineAnnealing", "min_lr": 1e-6, "by_epoch": False}
    plain, doubled = (build_schedule(config, 1e-3, 100, 10, scale=scale) for scale in (1, 2))
    assert [doubled(step) for step in (0, 50, 99)] == pytest.approx([2 * plain(step) for step in (0, 50, 99)])


def test_a_cycle_whose_rise_takes_no_step_begins_at_its_peak():
    schedule = build_schedule({"policy": "OneCycle", "pct_start": 0.1}, base_lr=1.0, total_steps=10, steps_per_epoch=5)
    assert schedule(0) == 1.0
    assert schedule(9) == pytest.approx(1 / 25 / 1e4)


def test_parameters_are_grouped_by_their_multipliers():
    custom = {"backbone": {"lr_mult": 0.1}, "backbone.bias": {"decay_mult": 0.0}}
    rules = {"custom_keys": custom, "norm_decay_mult": 0.0, "bias_decay_mult": 0.5}
    config = {"type": "SGD", "lr": 1.0, "weight_decay": 0.2, "paramwise_cfg": rules}
    model = reference_model()
    model["decode_head"].weight.requires_grad = False
    optimizer = build_optimizer(model, config)
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {
        names[parameter]: (group["lr_mult"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found == {
        "backbone.weight": (0.1, 0.2),
        "backbone.bias": (1.0, 0.0),  # the longer key wins
        "norm.weight": (1.0, 0.0),
        "norm.bias": (1.0, 0.0),
        "decode_head.bias": (1.0, 0.1),
    }


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD"])
def test_found_inf_leaves_weights_and_state_alone(name):
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    optimizer = build_optimizer(model, {"type": name, "lr": 0.1})

    def step(found_inf):
        model(torch.ones(2, 3)).square().sum().backward()
        optimizer.found_inf = torch.tensor(found_inf)
        optimizer.step()
        optimizer.zero_grad()
        state = optimizer.state_dict()["state"]
        tensors = [value for entry in state.values() for value in entry.values() if torch.is_tensor(value)]
        return [tensor.clone() for tensor in (*model.parameters(), *tensors)]

    first, second, third = step(0.0), step(1.0), step(0.0)
    assert all(torch.equal(before, after) for before, after in zip(first, second, strict=True))
    assert not any(torch.equal(before, after) for before, after in zip(second[:2], third[:2], strict=True))


def test_set_lr_sets_the_momentum_of_either_kind():
    for name, key, expected in (("SGD", "momentum", 0.9), ("AdamW", "betas", (0.9, 0.999))):
        optimizer = build_optimizer(nn.Linear(1, 1), {"type": name, "lr": 0.1})
        set_lr(optimizer, 0.5, 0.9)
        assert optimizer.param_groups[0][key] == expected
        assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"policy": "OneCycel"}, "there is no optimizer or schedule 'OneCycel'; did you mean 'OneCycle'"),
        ({"policy": "poly", "powr": 1}, "'poly': got an unexpected keyword argument 'powr'; it takes: .*power"),
        ({"policy": "fixed", "warmup": "slow"}, "lr_config.warmup is 'slow'; use None or one of constant, linear, exp"),
        ({"policy": "fixed", "warmup_iter": 5}, "lr_config has no warmup_iter; it takes: warmup, warmup_iters"),
        ({"policy": "fixed", "warmup_iters": 5}, "warmup_iters=5 but no warmup"),
        ({"policy": "poly", "power": "0.9"}, r"lr_config {'power': '0.9'}: unsupported operand type\(s\)"),
        ({"policy": "CosineAnnealing"}, "CosineAnnealing takes min_lr or min_lr_ratio, one of them"),
        ({"policy": "OneCycle", "anneal_strategy": "sin"}, "anneal_strategy is 'sin'; use cos or linear"),
    ],
)
def test_a_wrong_schedule_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_schedule(config, 1e-3, 100, 10)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"custom_keys": {"backbon.weight": {}}}, "no trained parameter's name holds 'backbon.weight'"),
        (
            {"custom_keys": {"norm": {"lr_mul": 1}}},
            "custom_keys\\['norm'\\] has no lr_mul; it takes: lr_mult, decay_mult",
        ),
        ({"custom_keys": {"norm": 0.1}}, r"custom_keys\['norm'\] is 0.1; it takes dict\(lr_mult=..., decay_mult=...\)"),
        ({"norm_decay": 0}, "paramwise_cfg has no norm_decay; it takes: custom_keys, norm_decay_mult, bias_decay_mult"),
    ],
)
def test_wrong_parameter_rules_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        build_optimizer(reference_model(), {"type": "SGD", "lr": 1.0, "paramwise_cfg": rules})


def test_a_wrong_optimizer_or_momentum_is_refused():
    with pytest.raises(ValueError, match="'AdamW': got an unexpected keyword argument 'momentum'"):
        build_optimizer(reference_model(), {"type": "AdamW", "lr": 1.0, "momentum": 0.9})
    with pytest.raises(ValueError, match="momentum_config.policy is 'cyclic'; only 'OneCycle' exists"):
        build_momentum_schedule({"policy": "cyclic"}, 100)
    with pytest.raises(ValueError, match="momentum_config has no base; it takes: base_momentum, max_momentum"):
        build_momentum_schedule({"policy": "OneCycle", "base": 0.8}, 100)


def test_weight_decay_defaults_to_that_of_the_optimizer():
    for name, expected in (("SGD", 0.0), ("AdamW", 0.01)):
        rules = {"custom_keys": {"norm": {"decay_mult": 0.5}}}
        groups = build_optimizer(reference_model(), {"type": name, "lr": 1.0, "paramwise_cfg": rules}).param_groups
        assert [group["weight_decay"] for group in groups] == [expected, 0.5 * expected]


def test_a_shared_parameter_is_optimized_once():
    model = reference_model()
    model["again"] = model["backbone"]
    groups = build_optimizer(model, {"type": "SGD", "lr": 1.0}).param_groups
    assert sum(len(group["params"]) for group in groups) == 6
