import json
import logging
import math
import re
import resource

import pytest
import tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from depthkit import checkpoint
from depthkit.hooks import CheckpointHook, EvalHook, Hook

BOARD = "log_config = dict(hooks=[dict(type='TensorboardLoggerHook'), dict(type='TensorboardImageLoggerHook')])\n"


def scores(runner, values):
    """Lets `runner` train, its evaluations replaced by real ones whose abs_rel is overwritten by `values` in turn."""
    real, values = runner.evaluate, iter(values)

    def evaluate(model):
        evaluation = real(model)
        evaluation.metrics["abs_rel"] = next(values)
        return evaluation

    runner.evaluate = evaluate
    runner.train()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs with every logger, and its work dir."""
    folder = tmp_path_factory.mktemp("finished")
    text = "custom_hooks = [dict(type='ConstantBaselineHook', num_images=10)]\n"
    hooks = ["TextLoggerHook", "TensorboardLoggerHook", "TensorboardImageLoggerHook"]
    text += f"log_config['hooks'] = [dict(type=name) for name in {hooks}]\n"
    return tiny.train(folder, text=text)


def test_text_and_json_logs(finished):
    (text,) = [path.read_text() for path in finished.work_dir.glob("*.log")]
    pattern = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - depthkit - INFO - Epoch \[2\]\[10/12\]\tlr: \d\.\d{3}e-\d\d, "
        r"eta: 0:00:00, time: \d+\.\d{3}, data_time: \d+\.\d{3}, memory: \d+, decode\.loss_depth: \d+\.\d{4}, "
        r"loss: \d+\.\d{4}, grad_norm: \d+\.\d{4}\n"
    )
    assert re.search(pattern, text)
    assert "abs_rel" in text
    assert re.search(r"abs_rel \d\.\d{4}; the best constant depth map has \d\.\d{4}: ratio \d\.\d\d", text)

    (log,) = finished.work_dir.glob("*.log.json")
    meta, *records = [json.loads(line) for line in log.read_text().splitlines()]
    assert meta["seed"] == 3
    assert meta["config"]["model"]["type"] == "TinyModel"
    places = [(record["mode"], record["epoch"], record["iter"]) for record in records]
    one_epoch = [("train", 5), ("train", 10), ("val", 5)]  # 12 steps logged every 5; 5 images evaluated
    assert places == [(mode, epoch, count) for epoch in (1, 2) for mode, count in one_epoch]
    train_keys = [
        "mode",
        "epoch",
        "iter",
        "lr",
        "time",
        "data_time",
        "memory",
        "decode.loss_depth",
        "loss",
        "grad_norm",
    ]
    assert list(records[0]) == train_keys
    assert records[-1]["abs_rel"] == finished.evaluation.metrics["abs_rel"]


def test_tensorboard_holds_curves_and_panels(finished):
    events = EventAccumulator(str(finished.work_dir / "tf_logs"))
    events.Reload()
    tags = events.Tags()
    assert {"train/loss", "train/decode.loss_depth", "train/grad_norm", "train/time", "learning_rate"} <= set(
        tags["scalars"]
    )
    assert {"val/abs_rel", "val/a1", "val/rmse"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("train/loss")] == [5, 10, 17, 22]
    assert [event.step for event in events.Scalars("val/abs_rel")] == [12, 24]
    assert {"train/batch/0", "train/batch/1", "val/images/0", "val/images/3"} <= set(tags["images"])
    panel = events.Images("val/images/0")[0]
    assert (panel.height, panel.width) == (24, 4 * 32)


def test_a_resumed_run_continues_the_curves(tmp_path):
    text = "log_config['hooks'] = [dict(type='TensorboardLoggerHook')]\n"
    tiny.train(tmp_path, text=text)
    (tmp_path / "run" / "epoch_2.pth").unlink()
    tiny.train(tmp_path, "--resume-from", "auto", text=text)
    events = EventAccumulator(str(tmp_path / "run" / "tf_logs"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [5, 10, 17, 22]


@pytest.mark.parametrize(("interval", "epochs"), [(1, [1, 2, 3]), (2, [2, 3]), (5, [3])])
def test_evaluation_interval_and_end(tmp_path, interval, epochs):
    runner = tiny.build(tmp_path, "--cfg-options", "runner.max_epochs=3", f"evaluation.interval={interval}")
    assert isinstance(runner.hooks[0], EvalHook)
    evaluated = []
    runner.evaluate = lambda model: evaluated.append(runner.epoch)
    runner.train()
    assert evaluated == epochs


def test_checkpoints_kept_and_best(tmp_path, caplog):
    options = ("runner.max_epochs=5", "checkpoint_config.interval=2", "checkpoint_config.max_keep_ckpts=2")
    runner = tiny.build(tmp_path, "--cfg-options", *options)
    scores(runner, [0.3, 0.1, 0.2, 0.15, 0.4])
    files = sorted(path.name for path in runner.work_dir.glob("*.pth"))
    assert files == ["best_abs_rel_epoch_2.pth", "epoch_4.pth", "epoch_5.pth", "latest.pth"]
    state = checkpoint.load(runner.work_dir / "latest.pth")
    assert state["runner"]["epoch"] == 5
    assert state["runner"]["step"] == 60
    assert state["meta"]["config"]["model"] == {"type": "TinyModel", "dropout": 0.2}
    hook = runner.hooks[-1]
    assert isinstance(hook, CheckpointHook)
    assert (hook.best_score, hook.best_file) == (0.1, "best_abs_rel_epoch_2.pth")


def test_a_resumed_run_remembers_the_best_score(tmp_path):
    runner = tiny.build(tmp_path)
    scores(runner, [0.1, 0.2])
    resumed = tiny.build(tmp_path, "--resume-from", "auto", "--cfg-options", "runner.max_epochs=4")
    scores(resumed, [0.15, 0.05])
    best = [path.name for path in resumed.work_dir.glob("best_*.pth")]
    assert best == ["best_abs_rel_epoch_4.pth"]


@pytest.mark.parametrize("change", ["other metric", "file gone"])
def test_a_best_that_does_not_count_here_is_forgotten(tmp_path, change):
    scores(tiny.build(tmp_path, "--cfg-options", "runner.max_epochs=1"), [0.1])
    options = ["runner.max_epochs=2"]
    if change == "file gone":
        (tmp_path / "run" / "best_abs_rel_epoch_1.pth").unlink()
    else:
        options.append("evaluation.save_best=rmse")
    resumed = tiny.build(tmp_path, "--resume-from", "auto", "--cfg-options", *options)
    scores(resumed, [0.2])
    assert resumed.hooks[-1].best_file == f"best_{'rmse' if change == 'other metric' else 'abs_rel'}_epoch_2.pth"
    assert (resumed.work_dir / resumed.hooks[-1].best_file).exists()


def test_a_best_that_could_not_be_saved_is_none(tmp_path):
    class Blocks(Hook):
        def before_epoch(self, runner):
            if runner.epoch == 1:
                (runner.work_dir / "best_abs_rel_epoch_2.pth.partial").mkdir()  # where that would be written

    runner = tiny.build(tmp_path)
    runner.hooks.insert(0, Blocks())
    scores(runner, [0.2, 0.1])
    assert runner.hooks[-1].best_file == "best_abs_rel_epoch_1.pth"
    assert checkpoint.load(runner.work_dir / "best_abs_rel_epoch_1.pth")["runner"]["epoch"] == 1


def test_an_error_in_an_evaluation_loses_no_epoch(tmp_path):
    runner = tiny.build(tmp_path)
    runner.evaluate, evaluate = lambda model: 1 / 0, runner.evaluate
    with pytest.raises(ZeroDivisionError):
        runner.train()
    assert saved(runner) == ["step_12"]
    resumed = tiny.build(tmp_path, "--resume-from", "auto")
    assert (resumed.epoch, resumed.step) == (0, 12)
    seen = []
    resumed.evaluate = lambda model: seen.append(resumed.epoch) or evaluate(model)
    resumed.train()
    assert seen == [1, 2]


def test_hooks_may_come_and_go_between_runs(tmp_path):
    runner = tiny.build(tmp_path, "--cfg-options", "runner.max_epochs=1")
    scores(runner, [0.1])
    for options in (["--no-validate"], ["--cfg-options", "custom_hooks=[{'type':'TensorboardLoggerHook'}]"]):
        resumed = tiny.build(tmp_path, "--resume-from", "auto", *options)
        assert resumed.hooks[-1].best_score == 0.1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_ends_logs_and_not_the_run(tmp_path):
    text = "log_config['hooks'] += [dict(type='TensorboardLoggerHook')]\n"
    runner = tiny.build(tmp_path, "--no-validate", text=text)

    class FillsUp(Hook):
        def after_step(self, runner):
            if runner.step == 6:
                self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (8, self.limits[1]))
            if runner.step == 23:
                resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)

    runner.hooks.insert(0, FillsUp())
    messages = []
    logging.getLogger("depthkit").handlers[0].emit = lambda record: messages.append(record.getMessage())
    runner.train()
    assert runner.epoch == 2
    assert any(message.startswith("NOT WRITTEN") and ".log.json" in message for message in messages)
    assert any(message.startswith("NOT WRITTEN") and "tf_logs" in message for message in messages)


@pytest.mark.parametrize(
    ("save_best", "rule", "values", "best"),
    [
        ("a1", None, (0.5, 0.9, 0.7), 0.9),
        ("rmse", None, (0.5, 0.3, 0.7), 0.3),
        ("rmse", "greater", (0.5, 0.3, 0.7), 0.7),
        ("rmse", None, (math.nan, 0.3, math.nan, math.inf), 0.3),
    ],
)
def test_the_sense_of_a_metric(save_best, rule, values, best):
    hook = CheckpointHook(interval=1, max_keep_ckpts=None, save_best=save_best, rule=rule, steps=None, minutes=None)
    for value in values:
        if hook.is_better(value):
            hook.best_score = value
    assert hook.best_score == best


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"save_best": "abs_real", "rule": None}, "save_best is 'abs_real'; use None or one of a1, a2"),
        ({"save_best": "a1", "rule": "more"}, "rule is 'more'; use 'less', 'greater' or None"),
    ],
)
def test_a_wrong_metric_or_rule_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CheckpointHook(interval=1, max_keep_ckpts=None, steps=None, minutes=None, **arguments)


def test_leftovers_of_interrupted_saves_are_removed(tmp_path, caplog):
    runner = tiny.build(tmp_path, "--no-validate")
    leftover = runner.work_dir / "epoch_7.pth.partial"
    leftover.write_text("half a file")
    with caplog.at_level(logging.INFO):
        runner.call("before_train")
    assert not leftover.exists()


def saved(runner):
    """The names of the checkpoints that the run said it saved, in order."""
    (log,) = runner.work_dir.glob("*.log")
    return re.findall(r"Saved \S*/(\w+)\.pth", log.read_text())


def test_checkpoints_between_epochs(tmp_path):
    runner = tiny.train(tmp_path, "--no-validate", "--cfg-options", "checkpoint_config.steps=5")
    assert saved(runner) == ["step_5", "step_10", "epoch_1", "step_15", "step_20", "epoch_2"]
    files = sorted(path.name for path in runner.work_dir.glob("*.pth"))
    assert files == ["epoch_1.pth", "epoch_2.pth", "latest.pth"]


def test_checkpoints_by_the_clock(tmp_path):
    options = ("checkpoint_config.minutes=1e-9", "checkpoint_config.interval=9", "runner.max_epochs=1")
    runner = tiny.train(tmp_path, "--no-validate", "--cfg-options", *options)
    assert saved(runner) == [*(f"step_{step}" for step in range(1, 13)), "epoch_1"]


def test_a_full_disk_leaves_the_last_checkpoint_and_the_third_failure_stops(tmp_path):
    options = ("checkpoint_config.steps=1", "runner.max_epochs=1")
    runner = tiny.build(tmp_path, "--no-validate", "--cfg-options", *options)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    class FillsUp(Hook):
        """From step 4 on no file may grow beyond 8 KB: the error is the system's own."""

        def after_step(self, runner):
            if runner.step == 4:
                resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))

        def after_train(self, runner):
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    runner.hooks.append(FillsUp())
    with pytest.raises(OSError, match="File too large"):
        runner.train()
    assert runner.step == 7
    assert saved(runner) == [f"step_{step}" for step in range(1, 5)]
    (log,) = runner.work_dir.glob("*.log")
    assert log.read_text().count("NOT SAVED: ") == 2
    assert sorted(path.name for path in runner.work_dir.glob("*.pth*")) == ["latest.pth", "step_4.pth"]
    assert checkpoint.load(runner.work_dir / "latest.pth")["runner"]["step"] == 4
