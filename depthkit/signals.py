"""Signals that ask a run to stop: noted when they come, obeyed between two steps."""

import signal
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopSignals:
    """Inside its `with`, the first signal that asks to stop is kept in `received` (0: none yet), later ones change
    nothing: Slurm sends them twice. Only a second SIGINT, from an impatient user, interrupts at once."""

    def __init__(self) -> None:
        self.received = 0
        self.interrupts = 0

    def __enter__(self) -> "StopSignals":
        self.before = {number: signal.signal(number, self.note) for number in STOPPING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def note(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or number
        self.interrupts += number == signal.SIGINT
        if self.interrupts > 1:
            raise KeyboardInterrupt


def leave_to_parent(_: int) -> None:
    """For a loader's worker, which a terminal or Slurm signals too: it must serve until the run itself ends."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
