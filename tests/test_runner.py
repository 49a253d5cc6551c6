import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from depthkit.hooks import Hook


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
            runner.window.add(runner.train_step(next(batches)))
            runner.step += 1
    assert syncs.found == []
    with HostSyncs() as syncs:  # what would wait is seen
        runner.window.sums[0].item()
        runner.window.sums[runner.window.sums > 0].sum()
        runner.window.sums.nonzero()
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


def test_a_gradient_that_is_not_finite_changes_nothing_and_stops_the_run(tmp_path):
    runner = tiny.build(tmp_path, "--no-validate")
    before = {name: value.clone() for name, value in runner.model.named_parameters()}
    runner.model.depth[-1].register_full_backward_hook(lambda *_: (torch.full((2, 8, 12, 16), float("inf")),))
    with pytest.raises(FloatingPointError, match="a gradient was not finite between steps 1 and 5"):
        runner.train()
    assert runner.step == 5
    after = dict(runner.model.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_window_averages_over_steps(tmp_path):
    runner = tiny.build(tmp_path)
    for loss in (1.0, 2.0, 6.0):
        runner.window.add({"loss": torch.tensor(loss), "grad_norm": torch.tensor(1.0)})
    runner.step = 3
    record = runner.summarise()
    assert record["loss"] == 3.0
    assert (record["epoch"], record["iter"]) == (1, 3)
    assert runner.window.steps == 0
    # 24 steps in all, 21 of them to go, each as long as those before
    assert record["eta"] == pytest.approx(21 * record["time"])
