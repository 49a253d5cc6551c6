"""Hooks watch a run at five points and write down what they see: logs, pictures, evaluations, checkpoints."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from depthkit import checkpoint
from depthkit.distributed import is_main
from depthkit.evaluate import PICTURES, ConstantDepth, constant_map
from depthkit.logs import PLACE, json_line, text_line
from depthkit.metrics import METRICS
from depthkit.registry import HOOKS
from depthkit.visualize import strip

if TYPE_CHECKING:
    from depthkit.runner import Runner

logger = logging.getLogger("depthkit")

NO_CURVES = (*PLACE, "lr", "eta")  # keys of a record


class Hook:
    """Does nothing at each of the five points; a subclass overrides those it needs.

    Every rank has every hook, so collectives are in step; a hook that writes asks `is_main`.
    """

    def before_train(self, runner: "Runner") -> None: ...

    def before_epoch(self, runner: "Runner") -> None: ...

    def after_step(self, runner: "Runner") -> None:
        """Called with `runner.step` counted: the first is 1."""

    def after_epoch(self, runner: "Runner") -> None:
        """Called with `runner.epoch` counted: the first is 1."""

    def after_train(self, runner: "Runner") -> None:
        """Called after an error too, so it must not communicate."""

    def state_dict(self) -> dict[str, Any]:
        """What must survive a resume, in plain types."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@contextmanager
def told_if_unwritten(path: Path) -> Iterator[None]:
    """Logs what keeps a log from being written, such as a full disk, and lets the run go on."""
    try:
        yield
    except OSError as error:
        logger.error("NOT WRITTEN: %s: %s. Training goes on", path, error)


class EvalHook(Hook):
    """Evaluates the model every `interval` epochs and after the last."""

    def __init__(self, interval: int) -> None:
        self.interval = interval

    def after_epoch(self, runner: "Runner") -> None:
        if runner.epoch % self.interval == 0 or runner.epoch == runner.max_epochs:
            runner.evaluation = runner.evaluate(runner.model)


@HOOKS.register
class TextLoggerHook(Hook):
    """Writes a line on each log step and the table of each evaluation to the log, and both as JSON beside it."""

    def before_train(self, runner: "Runner") -> None:
        self.json_file = runner.work_dir / f"{runner.meta['timestamp']}.log.json"
        self.write(json_line(runner.meta))

    def after_step(self, runner: "Runner") -> None:
        if runner.record:
            logger.info(text_line(runner.record, runner.steps_per_epoch))
            self.write(json_line(runner.record))

    def after_epoch(self, runner: "Runner") -> None:
        if runner.evaluation:
            logger.info("Epoch(val) [%d]\n%s", runner.epoch, runner.evaluation.table())
            place = {"mode": "val", "epoch": runner.epoch, "iter": runner.evaluation.num_images, "lr": runner.lr}
            self.write(json_line(place | runner.evaluation.metrics))

    def write(self, line: str) -> None:
        if is_main():
            with told_if_unwritten(self.json_file), open(self.json_file, "a") as file:
                file.write(line + "\n")


class TensorboardHook(Hook):
    """Holds the one writer that all TensorBoard hooks of a run share; its files lie in tf_logs."""

    def before_train(self, runner: "Runner") -> None:
        if runner.writer is None and is_main():
            from torch.utils.tensorboard import SummaryWriter  # takes seconds to import, on rank 0 alone

            # a resumed run takes back what an interrupted one wrote beyond its checkpoint
            runner.writer = SummaryWriter(runner.work_dir / "tf_logs", purge_step=runner.step + 1)

    def after_train(self, runner: "Runner") -> None:
        if runner.writer is not None:
            with told_if_unwritten(runner.writer.log_dir):
                runner.writer.close()


@HOOKS.register
class TensorboardLoggerHook(TensorboardHook):
    """Draws the curves: losses, gradient norm and times under train/, metrics under val/, the learning rate."""

    def after_step(self, runner: "Runner") -> None:
        if runner.record and is_main():
            curves = {f"train/{name}": value for name, value in runner.record.items() if name not in NO_CURVES}
            curves["learning_rate"] = runner.lr
            if runner.momentum_schedule:
                curves["momentum"] = runner.momentum_schedule(runner.step - 1)
            self.draw(runner, curves)

    def after_epoch(self, runner: "Runner") -> None:
        if runner.evaluation and is_main():
            self.draw(runner, {f"val/{name}": value for name, value in runner.evaluation.metrics.items()})

    def draw(self, runner: "Runner", curves: dict[str, float]) -> None:
        with told_if_unwritten(runner.writer.log_dir):
            for tag, value in curves.items():
                runner.writer.add_scalar(tag, value, runner.step)


@HOOKS.register
class TensorboardImageLoggerHook(TensorboardHook):
    """Shows rgb | target | prediction | error: one training batch an epoch, and a fixed set of validation images."""

    def after_step(self, runner: "Runner") -> None:
        if runner.record and runner.inner_step == runner.log_interval and is_main():
            shown = (runner.batch["image"], runner.batch["depth"], runner.prediction)
            self.draw(runner, "train/batch", list(zip(*(maps[:PICTURES] for maps in shown), strict=True)))

    def after_epoch(self, runner: "Runner") -> None:
        if runner.evaluation and is_main():
            self.draw(runner, "val/images", runner.evaluation.pictures)

    def draw(self, runner: "Runner", tag: str, pictures: list[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Pictures are image (3,H,W) uint8, target and prediction (1,h,w) metres; they need not be of one size."""
        for place, (image, target, prediction) in enumerate(pictures):
            panel = strip(
                image.permute(1, 2, 0).cpu().numpy(),
                target[0].cpu().numpy(),
                prediction[0].float().cpu().numpy(),
                runner.model.min_depth,
                runner.model.max_depth,
            )
            with told_if_unwritten(runner.writer.log_dir):
                runner.writer.add_image(f"{tag}/{place}", panel, runner.step, dataformats="HWC")


class CheckpointHook(Hook):
    """Saves epoch_N.pth every `interval` epochs and after the last, latest.pth, and the best one by a metric.

    In between it saves step_N.pth every `steps` steps, every `minutes` minutes, where a signal stops the run, and where
    what follows an epoch, as its evaluation, fails; the next checkpoint takes its place. The hook stands last, so that
    a checkpoint knows its own score. `rule` says whether "less" or "greater" is better; None takes the usual sense of
    the metric. `max_keep_ckpts` bounds the number of epoch files; None keeps all.

    A save that fails, on a full disk, leaves the earlier files as they are and the run goes on; the third in a row
    stops it.
    """

    MAX_FAILURES = 3

    def __init__(
        self,
        interval: int,
        max_keep_ckpts: int | None,
        save_best: str | None,
        rule: str | None,
        steps: int | None,
        minutes: float | None,
    ) -> None:
        if rule not in (None, "less", "greater"):
            raise ValueError(f"evaluation.rule is {rule!r}; use 'less', 'greater' or None")
        if save_best not in (None, *METRICS):
            raise ValueError(f"evaluation.save_best is {save_best!r}; use None or one of {', '.join(METRICS)}")
        self.interval = interval
        self.steps = steps or math.inf
        self.seconds = 60 * minutes if minutes else math.inf
        self.max_keep_ckpts = max_keep_ckpts
        self.save_best = save_best
        self.greater = rule == "greater" if rule else save_best in ("a1", "a2", "a3")
        self.best_score: float | None = None
        self.best_file: str | None = None
        self.saved_step: int | None = None
        self.failures = 0
        self.saved_at = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"save_best": self.save_best, "best_score": self.best_score, "best_file": self.best_file}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["save_best"] == self.save_best:  # scores of another metric say nothing
            self.best_score, self.best_file = state["best_score"], state["best_file"]

    def before_train(self, runner: "Runner") -> None:
        if not is_main():
            return
        checkpoint.remove_partial(runner.work_dir)
        if self.best_file and not (runner.work_dir / self.best_file).exists():
            logger.warning("The best so far, %s, is not in %s: scores start anew", self.best_file, runner.work_dir)
            self.best_score = self.best_file = None

    def after_step(self, runner: "Runner") -> None:
        due = runner.step % self.steps == 0 or time.monotonic() - self.saved_at > self.seconds
        if is_main() and (due or runner.stop):
            self.save_progress(runner, runner.work_dir / f"step_{runner.step}.pth")

    def after_epoch(self, runner: "Runner") -> None:
        if not is_main():
            return
        # the best before the epoch's: a checkpoint must not name a file that a kill has kept from being written
        if self.save_best and runner.evaluation:
            self.save_if_best(runner, runner.evaluation.metrics[self.save_best])
        if runner.epoch % self.interval == 0 or runner.epoch == runner.max_epochs:
            self.save_progress(runner, runner.work_dir / f"epoch_{runner.epoch}.pth")

    def after_train(self, runner: "Runner") -> None:
        # an error after an epoch, as in its evaluation: what is trained is good, and a resume evaluates it again
        failed_after_epoch = runner.inner_step == runner.steps_per_epoch and not runner.skipped
        if is_main() and failed_after_epoch and runner.step != self.saved_step:
            self.save_progress(runner, runner.work_dir / f"step_{runner.step}.pth")

    def save_if_best(self, runner: "Runner", score: float) -> None:
        before = self.best_score, self.best_file
        if self.is_better(score):
            self.best_score, self.best_file = score, f"best_{self.save_best}_epoch_{runner.epoch}.pth"
            if self.save(runner, runner.work_dir / self.best_file):
                for file in runner.work_dir.glob(f"best_{self.save_best}_epoch_*.pth"):
                    if file.name != self.best_file:
                        file.unlink()
            else:
                self.best_score, self.best_file = before
        if self.best_file:
            logger.info("Best %s is %.4f, in %s", self.save_best, self.best_score, self.best_file)

    def is_better(self, score: float) -> bool:
        if not math.isfinite(score):
            return False
        return self.best_score is None or (score > self.best_score if self.greater else score < self.best_score)

    def save_progress(self, runner: "Runner", path: Path) -> None:
        """Saves the run to `path`, where a resume finds it, and then removes what it replaces."""
        if self.save(runner, path):
            self.saved_step = runner.step
            checkpoint.point_latest(path)
            outdated = checkpoint.step_files(runner.work_dir)
            if self.max_keep_ckpts is not None:
                outdated += checkpoint.epoch_files(runner.work_dir)[: -self.max_keep_ckpts]
            for file in outdated:
                if file != path:
                    file.unlink()

    def save(self, runner: "Runner", path: Path) -> bool:
        """Whether it worked."""
        self.saved_at = time.monotonic()
        try:
            checkpoint.save(runner.state_dict() | {"meta": runner.meta}, path)
        except OSError as error:
            self.failures += 1
            if self.failures == self.MAX_FAILURES:
                raise
            logger.error("NOT SAVED: %s: %s. Earlier checkpoints are whole; training goes on", path, error)
            return False
        self.failures = 0
        logger.info("Saved %s", path)
        return True


@HOOKS.register
class ConstantBaselineHook(Hook):
    """Puts the best constant depth map beside each evaluation: what a model must beat that has learnt anything.

    The map is taken over `num_images` training images, which must have the size of the validation depths.
    """

    def __init__(self, num_images: int) -> None:
        self.num_images = num_images

    def before_train(self, runner: "Runner") -> None:
        if runner.evaluate is None:
            return
        dataset = runner.loader.dataset
        indices = np.linspace(0, len(dataset) - 1, min(self.num_images, len(dataset))).round().astype(int)
        depths = np.stack([dataset.load(int(index)).depth for index in indices])
        baseline = ConstantDepth(constant_map(depths)).to(runner.device)
        self.abs_rel = runner.evaluate(baseline).metrics["abs_rel"]

    def after_epoch(self, runner: "Runner") -> None:
        if runner.evaluation:
            score = runner.evaluation.metrics["abs_rel"]
            logger.info(
                "abs_rel %.4f; the best constant depth map has %.4f: ratio %.2f",
                score,
                self.abs_rel,
                score / self.abs_rel,
            )
