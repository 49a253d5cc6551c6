"""The training loop: epochs, steps, and the update of the weights, written out in view."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from depthkit import distributed
from depthkit.data.loader import to_device
from depthkit.evaluate import Evaluation
from depthkit.hooks import Hook
from depthkit.logs import peak_memory
from depthkit.optim import set_lr
from depthkit.signals import StopSignals

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger("depthkit")


@dataclass(eq=False)
class Runner:
    """Trains a model for a number of epochs and calls hooks at five fixed points.

    What changes the weights stands in `train_step`; hooks only watch. `step` and `epoch` count what is done.

    `schedule` and `momentum_schedule` map the number of steps done to the next step's learning rate and beta1;
    `max_norm` bounds the gradient's norm; up to `max_skipped` steps in a row may have one that is not finite; up to
    `max_bad_samples` of this rank may be unreadable; a rank that takes more than `timeout` seconds for a step is stuck;
    `meta` says where the run comes from and goes into its checkpoints.
    """

    model: nn.Module
    criterion: nn.Module
    optimizer: Optimizer
    schedule: Callable[[int], float]
    loader: DataLoader
    _: KW_ONLY
    max_epochs: int
    work_dir: Path
    device: torch.device
    seed: int
    hooks: Sequence[Hook] = ()
    momentum_schedule: Callable[[int], float] | None = None
    max_norm: float = math.inf
    max_skipped: int = 0
    max_bad_samples: int = 0
    timeout: float = math.inf
    log_interval: int = 50
    evaluate: Callable[[nn.Module], Evaluation] | None = None
    find_unused_parameters: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parallel = distributed.data_parallel(self.model, self.device, self.find_unused_parameters)
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.steps_per_epoch: int = self.loader.batch_sampler.steps_per_epoch
        self.log_interval = min(self.log_interval, self.steps_per_epoch)
        self.epoch = 0
        self.step = 0
        self.window = Window()
        self.last_step: StepNumbers | None = None  # not looked at yet
        self.skipped = 0  # steps in a row whose gradient was not finite
        self.bad_samples = 0  # seen by this rank since its start
        self.stop_signals = StopSignals()
        self.agreement = distributed.Agreement()
        self.watchdog = distributed.Watchdog(self.timeout)
        self.stop = 0  # the number of the signal that all ranks agreed to stop for

        # What hooks may look at: the batch and prediction of this step, what was measured up to it or None between
        # two log steps, and the evaluation after this epoch or None.
        self.batch: dict[str, Any] = {}
        self.prediction: Tensor | None = None
        self.record: dict[str, Any] | None = None
        self.evaluation: Evaluation | None = None
        self.writer: SummaryWriter | None = None  # of TensorBoard, shared by the hooks that draw; rank 0 alone

    def train(self) -> None:
        """Runs the epochs that are left, or up to the step at which a signal asks to stop.

        `after_train` is called after an error too.
        """
        with self.stop_signals:
            try:
                self.call("before_train")
                self.loader.batch_sampler.first_step = self.step
                if self.epoch >= self.max_epochs:
                    logger.info("All %d epochs are done: raise runner.max_epochs to go on", self.max_epochs)
                batches = iter(self.loader)
                if distributed.world_size() > 1 and self.epoch < self.max_epochs:
                    batches = self.rehearse(batches)
                while self.epoch < self.max_epochs and not self.stop:
                    self.train_epoch(batches)
            finally:
                self.watchdog.rest()
                self.call("after_train")

    def train_epoch(self, batches: Iterator[dict[str, Any]]) -> None:
        """The steps that are left of one epoch."""
        self.model.train()
        self.evaluation = None
        self.call("before_epoch")
        self.window.start()
        while self.step < (self.epoch + 1) * self.steps_per_epoch:
            self.watchdog.progress()
            waiting_since = time.perf_counter()
            self.batch = to_device(next(batches), self.device)
            self.window.data_time += time.perf_counter() - waiting_since
            self.count_faults(self.batch.get("fault", []))
            values = self.train_step(self.batch)
            self.step += 1
            self.check_last_step()
            self.last_step = StepNumbers(self.step, self.batch["path"], values)
            self.record = self.summarise() if self.inner_step % self.log_interval == 0 else None
            self.stop = self.agreement.exchange(self.stop_signals.received)
            self.call("after_step")
            if self.stop:
                return
        self.check_last_step()
        self.epoch += 1
        self.watchdog.rest()
        try:
            self.call("after_epoch")
        except Exception:
            self.epoch -= 1  # it is over when all that follows it is done, which a resumed run does again
            raise

    def train_step(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """One update of the weights. Returns what is worth logging, still on the device: nothing here waits for it."""
        momentum = self.momentum_schedule(self.step) if self.momentum_schedule else None
        set_lr(self.optimizer, self.schedule(self.step), momentum)
        distributed.seed_step(self.device, self.seed, self.step)

        outputs = self.parallel(batch["image"], batch.get("intrinsics"))
        losses = self.criterion(outputs, batch, self.step)
        loss = torch.stack(list(losses.values())).sum()

        loss.backward()
        grad_norm = clip_grad_norm_(self.parameters, self.max_norm)
        # where this is 1 the fused optimizers leave the weights and their own state as they are
        self.optimizer.found_inf = 1 - grad_norm.isfinite().float()
        self.optimizer.step()
        self.optimizer.zero_grad()

        self.prediction = outputs["depth"].detach()
        return {**{f"decode.{name}": value for name, value in losses.items()}, "loss": loss, "grad_norm": grad_norm}

    def rehearse(self, batches: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Runs one forward and backward that leave no trace, and returns all the batches, the first one included.

        DistributedDataParallel arranges its buckets anew after the first backward pass, which changes the order of
        sums; done here, before the first step of every start, a resumed run adds up as the one never stopped.
        """
        first = next(batches)
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.model.train()
        distributed.seed_step(self.device, self.seed, self.step)
        batch = to_device(first, self.device)
        outputs = self.parallel(batch["image"], batch.get("intrinsics"))
        torch.stack(list(self.criterion(outputs, batch, self.step).values())).sum().backward()
        self.optimizer.zero_grad()
        for buffer, value in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(value)
        return chain([first], batches)

    @property
    def inner_step(self) -> int:
        """Steps done in this epoch."""
        return self.step - self.epoch * self.steps_per_epoch

    @property
    def lr(self) -> float:
        """The learning rate of the last step, for parameters whose lr_mult is 1."""
        return self.schedule(max(self.step - 1, 0))

    def summarise(self) -> dict[str, Any]:
        """The averages since the last log step, over all ranks, which call this together."""
        record = {"mode": "train", "epoch": self.epoch + 1, "iter": self.inner_step, "lr": self.lr}
        steps_left = self.max_epochs * self.steps_per_epoch - self.step
        self.check_last_step()
        values = self.window.close(steps_left, self.device)
        times = {key: values.pop(key) for key in ("eta", "time", "data_time")}
        return {**record, **times, "memory": peak_memory(self.device), **values}

    def check_last_step(self) -> None:
        """Looks at the numbers of the last step not looked at yet, on all ranks alike: but at log steps, where that is
        the current one, they have arrived by now and nothing waits.

        A gradient that is not finite changed no weight. Up to `max_skipped` such steps in a row are told with the files
        of their batch and passed over; one more is a FloatingPointError.
        """
        if self.last_step is None:
            return
        step, values, self.last_step = self.last_step, self.last_step.read(), None
        self.window.add(values)
        if math.isfinite(values["grad_norm"]):
            self.skipped = 0
            return
        self.skipped += 1
        # every rank comes here: the gradient, and so its norm, is the mean over ranks
        paths = [path for share in distributed.gather(step.paths) for path in share]
        message = (
            f"the gradient of step {step.number} is not finite: {values}. It changed no weight. Its batch: {paths}"
        )
        if self.skipped > self.max_skipped:
            raise FloatingPointError(
                f"{message}. Look at these files, or go on from the last checkpoint with a lower learning rate, a lower"
                f" optimizer_config.grad_clip, or with optimizer_config.max_skipped above {self.max_skipped}"
            )
        logger.warning("Skipped: %s", message)

    def count_faults(self, faults: list[str]) -> None:
        """Tells of each bad sample of a batch; one more than `max_bad_samples` is a ValueError."""
        for fault in filter(None, faults):
            self.bad_samples += 1
            if self.bad_samples > self.max_bad_samples:
                raise ValueError(f"more than data.max_bad_samples = {self.max_bad_samples} are bad. The last: {fault}")
            logger.warning("Bad sample %d of at most %d, left out: %s", self.bad_samples, self.max_bad_samples, fault)

    def call(self, stage: str) -> None:
        for hook in self.hooks:
            getattr(hook, stage)(self)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on as if it had never stopped."""
        hooks = {name: hook.state_dict() for name, hook in self.named_hooks().items()}
        return {
            "state_dict": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "runner": {"epoch": self.epoch, "step": self.step, "seed": self.seed, "hooks": hooks, **self.batching()},
        }

    def named_hooks(self) -> dict[str, Hook]:
        """The hooks by their type and how many of it stand before: names that stay where other types come or go."""
        types = [type(hook).__name__ for hook in self.hooks]
        return {f"{name}.{types[:place].count(name)}": self.hooks[place] for place, name in enumerate(types)}

    def batching(self) -> dict[str, int]:
        return {"global_batch": self.loader.batch_sampler.global_batch, "steps_per_epoch": self.steps_per_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(state["state_dict"])
        except RuntimeError as error:
            raise ValueError(f"the checkpoint is not of the config's model: {error}") from error
        configured = [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, settings in zip(self.optimizer.param_groups, configured, strict=True):
            group.update(settings)  # the config's, as its learning rate is
        progress, now = state["runner"], self.batching()
        before = {name: progress[name] for name in now}
        self.epoch = progress["epoch"]
        # at the same place between epochs, if these have another number of steps now
        self.step = round(progress["step"] * now["steps_per_epoch"] / before["steps_per_epoch"])
        if before != now:
            logger.warning(
                "The checkpoint comes from a run with %s, this one has %s: it goes on at the same place between epochs,"
                " with other batches; the learning rate stays as configured, see --auto-scale-lr",
                before,
                now,
            )
        for name, hook in self.named_hooks().items():
            if name in progress["hooks"]:
                hook.load_state_dict(progress["hooks"][name])


class StepNumbers:
    """What a step returned, on its way from the device: read one step later, it has arrived and nothing waits."""

    def __init__(self, number: int, paths: list[str], values: dict[str, Tensor]) -> None:
        self.number = number
        self.paths = paths
        self.names = list(values)
        self.stacked = torch.stack(list(values.values())).detach()
        self.on_host = self.stacked.to("cpu", non_blocking=True)
        self.arrived = torch.cuda.Event() if self.stacked.is_cuda else None
        if self.arrived:
            self.arrived.record()

    def read(self) -> dict[str, float]:
        """The numbers by name."""
        if self.arrived:
            self.arrived.synchronize()
        return dict(zip(self.names, self.on_host.tolist(), strict=True))


class Window:
    """Averages what the steps since the last log step returned."""

    def __init__(self) -> None:
        self.total_time = 0.0  # seconds spent on all steps of this process, evaluations apart
        self.total_steps = 0
        self.start()

    def start(self) -> None:
        """Begins an empty window now."""
        self.sums: dict[str, float] = {}
        self.steps = 0
        self.finite_steps = 0
        self.data_time = 0.0
        self.started = time.perf_counter()

    def add(self, values: dict[str, float]) -> None:
        """The numbers of one step; if its gradient is not finite it changed nothing, and they do not count."""
        self.steps += 1
        if math.isfinite(values["grad_norm"]):
            self.finite_steps += 1
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value

    def close(self, steps_left: int, device: torch.device) -> dict[str, float]:
        """Averages over steps and ranks, seconds a step ("time", "data_time") and seconds to go ("eta")."""
        share = torch.tensor([*self.sums.values(), self.finite_steps], dtype=torch.float64, device=device)
        *sums, count = distributed.all_reduce(share).tolist()
        elapsed = time.perf_counter() - self.started
        self.total_time += elapsed
        self.total_steps += self.steps
        eta = steps_left * self.total_time / self.total_steps
        times = {"eta": eta, "time": elapsed / self.steps, "data_time": self.data_time / self.steps}
        values = times | {name: value / count for name, value in zip(self.sums, sums, strict=True)}
        self.start()
        return values
