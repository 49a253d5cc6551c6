"""launch.sh with real processes: torchrun under it, and below that the probe or a short training."""

import os
import signal
import socket
import subprocess
import sys
import time

import probe
import pytest

QUICK = ["data.samples_per_gpu=2", "data.workers_per_gpu=0", "data.train.num_images=4", "data.val.num_images=2"]
QUICK += ["data.train.height=32", "data.train.width=32", "data.val.height=32", "data.val.width=32"]
QUICK += ["runner.max_epochs=1", "log_config.interval=1", "custom_hooks=[]"]
SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "TERM": 15}
SHELLS = [["sh"], ["bash"], ["sh"], ["bash"], ["sh"]]
# a shell at a terminal, where standard input is the keyboard
SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
TERMINAL = [sys.executable, "-c", SPAWN, "sh"]


class Launch:
    """A running launch.sh; its output goes to a file in `folder`, the folder it was called from."""

    def __init__(self, script, *arguments, folder, shell=("sh",), **variables):
        unset = {"PORT", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "PYTHONPATH", "OMP_NUM_THREADS"}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        environment |= {"PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": "-1", **variables}
        self.file = folder / f"output{len(list(folder.iterdir()))}"
        with self.file.open("w") as file:
            command = [*shell, str(script), *arguments]
            streams = {"stdin": subprocess.PIPE, "stdout": file, "stderr": file}
            self.process = subprocess.Popen(command, cwd=folder, env=environment, preexec_fn=heed_signals, **streams)

    def ready(self, count):
        """Waits until `count` processes told how they were started."""
        wait_for(lambda: len(self.reports()) == count or self.process.poll() is not None)
        assert len(self.reports()) == count, self.output()

    def end(self):
        """Waits for the end; the exit code."""
        return self.process.wait(timeout=120)

    def output(self):
        return self.file.read_text()

    def reports(self):
        return probe.reports(self.output())


def heed_signals():
    """Undoes nohup, and what shells do to their background jobs: they cannot trap a signal that is ignored before."""
    for name in SIGNALS:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return probe.install(tmp_path_factory.mktemp("a checkout"))


@pytest.fixture(scope="module")
def launch(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    return lambda *arguments, **options: Launch(checkout / "launch.sh", *arguments, folder=folder, **options)


@pytest.mark.parametrize("arguments", [(), ("a.py",), ("a.py", "--seed", "1"), ("a.py", "0"), ("--help",)])
def test_missing_arguments_get_the_usage(launch, arguments):
    run = launch(*arguments)
    assert run.end() == 1
    assert "bash launch.sh CONFIG GPUS [arguments of depthkit.train]\n" in run.output()
    assert "#" not in run.output()


def test_two_jobs_at_once(launch):
    jobs = [launch("a/b.py", "2", "--cfg-options", "x=1 2", shell=shell) for shell in (["sh"], ["bash"])]
    assert [job.end() for job in jobs] == [0, 0]
    environments = [report["environment"] for job in jobs for report in job.reports()]
    assert sorted(one["RANK"] for one in environments) == ["0", "0", "1", "1"]
    assert len({one["MASTER_PORT"] for one in environments}) == 2
    assert {int(one["OMP_NUM_THREADS"]) for one in environments} == {max(1, len(os.sched_getaffinity(0)) // 2)}
    for job in jobs:
        for report in job.reports():
            assert report["arguments"] == ["a/b.py", "--launcher", "pytorch", "--cfg-options", "x=1 2"]
            assert report["folder"] == str(job.file.parent)


def test_several_machines_need_an_address(tmp_path):
    run = Launch(probe.ROOT / "launch.sh", "a.py", "1", folder=tmp_path, NNODES="2")
    assert run.end() == 1
    assert "NNODES is 2, but MASTER_ADDR is not set: give the address of the machine with NODE_RANK=0" in run.output()


def test_two_nodes_train(tmp_path):
    port = str(free_port())
    config = os.path.relpath(probe.ROOT / "configs" / "quickstart.py", tmp_path)
    common = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "PORT": port, "OMP_NUM_THREADS": "1", "folder": tmp_path}
    arguments = (config, "1", "--work-dir", "run", "--cfg-options", *QUICK, "SyncBN=True")
    nodes = [Launch(probe.ROOT / "launch.sh", *arguments, NODE_RANK=rank, **common) for rank in "10"]
    for node in nodes:
        assert node.end() == 0, node.output()
    (log,) = (tmp_path / "run").glob("*.log")
    assert "processes  2, 1 threads each" in log.read_text()
    assert "Epoch [1][1/1]\tlr: " in log.read_text()
    assert "abs_rel" in log.read_text()
    assert (tmp_path / "run" / "epoch_1.pth").exists()


def test_a_taken_port_names_the_remedy(launch):
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        run = launch("a.py", "1", PORT=str(port))
        assert run.end() == 1
    assert f"port {port} is taken on this machine; choose another one: PORT={port + 1}" in run.output()


def test_a_failing_process_takes_the_job_down(launch):
    run = launch("a.py", "2", "--wait", "--fail-on=1", PORT=str(free_port()), OMP_NUM_THREADS="3")
    assert run.end() == 1
    assert {report["environment"]["OMP_NUM_THREADS"] for report in run.reports()} == {"3"}
    assert not any(is_running(report["pid"]) for report in run.reports())


@pytest.fixture(scope="module")
def signalled(launch):
    """By the signal's name, a job of two processes that got that signal three times in a row."""
    jobs = {name: launch("a.py", "2", "--wait", shell=shell) for name, shell in zip(SIGNALS, SHELLS, strict=True)}
    for job in jobs.values():
        job.ready(2)
    for name in [*SIGNALS] * 3:
        jobs[name].process.send_signal(getattr(signal, f"SIG{name}"))
        time.sleep(0.02)
    return jobs


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_passed_on_once_and_leaves_no_process(signalled, name):
    job = signalled[name]
    assert job.end() == 128 + SIGNALS[name]
    assert job.output().count("TERM x 1\n") == 2
    assert not any(is_running(report["pid"]) for report in job.reports())


def test_ctrl_c_at_a_terminal_is_passed_on_once(launch):
    job = launch("a.py", "2", "--wait", shell=TERMINAL)
    job.ready(2)
    for _ in range(3):  # an impatient user
        job.process.stdin.write(b"\x03")
        job.process.stdin.flush()
        time.sleep(0.05)
    assert job.end() == 128 + signal.SIGINT
    assert job.output().count("TERM x 1\n") == 2
    assert not any(is_running(report["pid"]) for report in job.reports())
