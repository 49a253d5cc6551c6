"""Signals that ask a run to stop: noted when they come, obeyed between two steps."""

import os
import signal
import threading
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


def heed_only_parent(_: int) -> None:
    """For a loader's worker, which a terminal or Slurm signals too: it serves until its own rank ends it by SIGTERM."""
    for number in (signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS, where there is no Slurm
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=end_on_sigterm_from, args=(os.getppid(),), daemon=True).start()


def end_on_sigterm_from(sender: int) -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != sender:
        pass
    os._exit(0)
