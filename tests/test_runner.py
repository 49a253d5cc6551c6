from itertools import pairwise

import pytest
import tiny
import torch
from ranks import run_ranks
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from depthkit import distributed
from depthkit.hooks import Hook
from depthkit.registry import MODELS
from depthkit.runner import StepNumbers


class Watch(Hook):
    """Notes at which points it is called, and with which counts."""

    def __init__(self, fail_at=None):
        self.seen = []
        self.fail_at = fail_at

    def before_train(self, runner):
        self.seen.append("before_train")

    def before_epoch(self, runner):
        self.seen.append(f"before_epoch {runner.epoch}")

    def after_step(self, runner):
        self.seen.append(f"after_step {runner.step}")
        if runner.step == self.fail_at:
            raise RuntimeError("broken hook")

    def after_epoch(self, runner):
        self.seen.append(f"after_epoch {runner.epoch}")

    def after_train(self, runner):
        self.seen.append("after_train")


class HostSyncs(TorchDispatchMode):
    """Notes the operations that make the host wait for the device."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        indexed = name in ("index", "index_put_") and any(i is not None and i.dtype == torch.bool for i in args[1])
        if name in self.WAITING or indexed:
            self.found.append(str(function))
        return function(*args, **(kwargs or {}))


def test_hooks_are_called_at_five_points_in_order(tmp_path):
    runner = tiny.build(tmp_path, "--no-validate", "--cfg-options", "data.samples_per_gpu=12")
    watch = Watch()
    runner.hooks.append(watch)
    runner.train()
    epochs = [
        [f"before_epoch {e}", f"after_step {2 * e + 1}", f"after_step {2 * e + 2}", f"after_epoch {e + 1}"]
        for e in (0, 1)
    ]
    assert watch.seen == ["before_train", *epochs[0], *epochs[1], "after_train"]


def test_after_train_is_called_after_an_error(tmp_path):
    runner = tiny.build(tmp_path, "--no-validate")
    watch = Watch(fail_at=1)
    runner.hooks.append(watch)
    with pytest.raises(RuntimeError, match="broken hook"):
        runner.train()
    assert watch.seen[-2:] == ["after_step 1", "after_train"]


def test_the_step_never_waits_for_the_device(tmp_path):
    runner = tiny.build(tmp_path)
    batches = iter(runner.loader)
    runner.model.train()
    with HostSyncs() as syncs:
        for _ in range(3):
            values = runner.train_step(next(batches))
            StepNumbers(runner.step, [], values)
            runner.step += 1
    assert syncs.found == []
    with HostSyncs() as syncs:  # what would wait is seen
        values["loss"].item()
        values["loss"][values["loss"] > 0].sum()
        values["loss"].nonzero()
    assert len(syncs.found) == 3


def test_one_step_is_the_step_written_by_hand(tmp_path):
    options = ("model.dropout=0.0", "optimizer_config.grad_clip.max_norm=0.1")
    sgd = "optimizer = dict(type='SGD', lr=1e-2)\nlr_config = dict(policy='fixed')\n"
    runner = tiny.build(tmp_path, "--cfg-options", *options, text=sgd)
    batch = next(iter(runner.loader))
    reference = tiny.TinyModel(dropout=0.0)
    reference.load_state_dict(runner.model.state_dict())
    reference.train()
    optimizer = torch.optim.SGD(reference.parameters(), lr=1e-2)
    depth = torch.nn.functional.interpolate(
        reference(batch["image"])["depth"], (24, 32), mode="bilinear", align_corners=True
    )
    error = (depth + 1e-3).log() - (batch["depth"] + 1e-3).log()
    loss = (error.var() + 0.15 * error.mean() ** 2).sqrt()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.1)
    optimizer.step()

    values = runner.train_step(batch)
    assert values["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert values["decode.loss_depth"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert values["grad_norm"].item() == pytest.approx(norm.item(), rel=1e-4)
    for name, weight in reference.state_dict().items():
        torch.testing.assert_close(runner.model.state_dict()[name], weight, rtol=1e-4, atol=1e-6, msg=name)


def poison(runner, steps):
    """Makes the target of the last rank's batch infinite at `steps`; returns the weights after each step."""
    real, after = runner.train_step, []

    def train_step(batch):
        if runner.step + 1 in steps and distributed.rank() == distributed.world_size() - 1:
            batch["depth"][0, 0, 3, 4] = float("inf")
        values = real(batch)
        after.append(torch.cat([value.detach().flatten().clone() for value in runner.model.parameters()]))
        return values

    runner.train_step = train_step
    return after


def test_a_gradient_that_is_not_finite_changes_nothing_and_stops_the_run(tmp_path):
    runner = tiny.build(tmp_path, "--no-validate")
    after = poison(runner, {4, 5})
    with pytest.raises(FloatingPointError, match=r"of step 4 is not finite: .*'loss': .*room \d+ of scene_seed 0"):
        runner.train()
    assert runner.step == 5
    assert torch.equal(after[2], after[4])
    assert not torch.equal(after[1], after[2])


def rank_skip(folder):
    """Four steps, two of them poisoned, with and without leave to skip: losses, what is said, weights."""
    options = ("--cfg-options", "log_config.interval=6", "runner.max_epochs=1", "runner.iters_per_epoch=6")
    skipping = tiny.build(folder / "skip", "--no-validate", *options, "optimizer_config.max_skipped=2")
    after = poison(skipping, {2, 3, 5})
    skipping.train()
    stopping = tiny.build(folder / "stop", "--no-validate", *options, "optimizer_config.max_skipped=1")
    poison(stopping, {2, 3, 5})
    try:
        stopping.train()
    except FloatingPointError as error:
        return {"weights": after, "stopped at": stopping.step, "message": str(error)}


def test_skipping_on_two_ranks(tmp_path):
    first, second = run_ranks(2, __file__, tmp_path)["skip"]
    assert first["message"] == second["message"]
    assert first["message"].startswith("the gradient of step 3 is not finite")
    assert first["message"].count("of scene_seed 0") == 4  # 2 ranks x 2 images
    assert first["stopped at"] == second["stopped at"] == 4
    same = [torch.equal(*pair) for pair in pairwise(first["weights"])]
    assert same == [True, True, False, True, False]
    assert all(torch.equal(*pair) for pair in zip(first["weights"], second["weights"], strict=True))
    (log,) = (tmp_path / "skip" / "run").glob("*.log")
    assert log.read_text().count("Skipped: the gradient of step") == 3
    (record,) = [line for line in log.read_text().splitlines() if "Epoch [1][6/6]" in line]
    assert "nan" not in record
    assert "inf" not in record


def test_the_window_averages_over_steps(tmp_path):
    runner = tiny.build(tmp_path)
    for loss in (1.0, 2.0, 6.0):
        runner.window.add({"loss": loss, "grad_norm": 1.0})
    runner.window.add({"loss": float("nan"), "grad_norm": float("inf")})
    runner.step = 4
    record = runner.summarise()
    assert record["loss"] == 3.0
    assert (record["epoch"], record["iter"]) == (1, 4)
    assert runner.window.steps == 0
    # 24 steps in all, 20 of them to go, each as long as those before
    assert record["eta"] == pytest.approx(20 * record["time"])


def test_a_window_of_which_no_step_counts(tmp_path):
    runner = tiny.build(tmp_path)
    runner.window.add({"loss": float("nan"), "grad_norm": float("inf")})
    assert runner.summarise().keys() == {"mode", "epoch", "iter", "lr", "eta", "time", "data_time", "memory"}


def test_resuming_with_another_global_batch_says_so_and_trains_all_epochs(tmp_path):
    tiny.train(tmp_path, "--no-validate", "--cfg-options", "runner.max_epochs=1")
    options = ("runner.max_epochs=2", "data.samples_per_gpu=5")
    resumed = tiny.build(tmp_path, "--no-validate", "--resume-from", "auto", "--cfg-options", *options)
    assert (resumed.epoch, resumed.step) == (1, 5)  # an epoch had 12 steps and has 5
    resumed.train()
    assert (resumed.epoch, resumed.step) == (2, 10)
    log = max((tmp_path / "run").glob("*.log"))
    assert (
        "from a run with {'global_batch': 2, 'steps_per_epoch': 12}, this one has {'global_batch': 5, "
        in log.read_text()
    )


def test_resuming_takes_the_configs_settings_and_tells_what_changed(tmp_path):
    tiny.train(tmp_path, "--no-validate", "--cfg-options", "runner.max_epochs=1")
    options = ("optimizer.weight_decay=5", "runner.max_epochs=1")
    resumed = tiny.build(tmp_path, "--no-validate", "--resume-from", "auto", "--cfg-options", *options)
    assert {group["weight_decay"] for group in resumed.optimizer.param_groups} == {5}
    assert resumed.optimizer.state_dict()["state"][0]["step"] == 12
    resumed.train()
    log = max((tmp_path / "run").glob("*.log")).read_text()
    assert "The config has changed since the checkpoint:\noptimizer.weight_decay: 0.01 -> 5\n" in log
    assert "All 1 epochs are done: raise runner.max_epochs to go on" in log


@MODELS.register
class LargerModel(tiny.TinyModel):
    def __init__(self, dropout):
        super().__init__(dropout)
        self.more = nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["optimizer={'type':'SGD','lr':0.1}"], "the checkpoint's optimizer is AdamW, the config's SGD"),
        (["model.type=LargerModel"], "the checkpoint is not of the config's model: [^@]*Missing key"),
    ],
)
def test_resuming_into_another_model_or_optimizer_is_refused(tmp_path, change, message):
    tiny.train(tmp_path, "--no-validate", "--cfg-options", "runner.max_epochs=1")
    with pytest.raises(ValueError, match=message):
        tiny.build(tmp_path, "--no-validate", "--resume-from", "auto", "--cfg-options", *change)
