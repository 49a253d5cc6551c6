import os
import signal
import subprocess
import sys

import pytest
from torch.utils.data import DataLoader, Dataset

from depthkit.signals import STOPPING, StopSignals, heed_only_parent


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


def test_the_first_signal_is_kept_and_later_ones_change_nothing():
    before = [signal.getsignal(number) for number in STOPPING]
    with StopSignals() as signals:
        assert signals.received == 0
        send(signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
        assert signals.received == signal.SIGUSR1
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_a_second_interrupt_stops_at_once():
    with StopSignals() as signals:
        send(signal.SIGINT)
        assert signals.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


class Pids(Dataset):
    def __len__(self):
        return 9

    def __getitem__(self, _):
        return os.getpid()


def test_a_worker_serves_on():
    """A terminal and Slurm signal the workers as well as the run."""
    loader = DataLoader(Pids(), num_workers=1, prefetch_factor=1, worker_init_fn=heed_only_parent)
    served = []
    for pids in loader:
        served.append(pids.item())
        for number in STOPPING:
            subprocess.run(["kill", f"-{number:d}", str(served[-1])], check=True)
    assert len(served) == 9
    assert set(served) != {os.getpid()}


# what is left of an iterator where an exception keeps it
LEFT_OVER = """
from torch.utils.data import DataLoader
from depthkit.signals import heed_only_parent

iterator = iter(DataLoader(range(9), num_workers=1, worker_init_fn=heed_only_parent))
print(next(iterator))
"""


def test_a_worker_ends_with_its_process():
    subprocess.run([sys.executable, "-c", LEFT_OVER], check=True, timeout=60)
