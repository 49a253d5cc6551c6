"""slurm.sh on a real Slurm of two nodes, which a test cluster of our own provides."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import probe
import pytest
from test_launch import QUICK

CLUSTER = Path(__file__).parent / "cluster" / "slurm.sh"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start Slurm"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("slurmctld", "slurmd", "srun", "munged"))),
        reason="no Slurm: apt-get install slurmctld slurmd slurm-client munge",
    ),
]


@pytest.fixture(scope="module")
def cluster():
    """The path of a running Slurm's configuration."""
    folder = tempfile.mkdtemp()  # short, for the socket in it
    subprocess.run(["bash", CLUSTER, "start", folder], check=True, timeout=60)
    try:
        yield f"{folder}/slurm.conf"
    finally:
        subprocess.run(["bash", CLUSTER, "stop", folder], check=True, timeout=60)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def slurm(cluster, tmp_path_factory):
    """Runs slurm.sh of the checkout, or the one beside the probe, to its end."""
    checkout = probe.install(tmp_path_factory.mktemp("a checkout"))

    def run(*arguments, root=checkout, folder=checkout.parent, **variables):
        unset = {"GPUS", "GPUS_PER_NODE", "CPUS_PER_TASK", "SRUN_ARGS", "MASTER_PORT", "OMP_NUM_THREADS", "PYTHONPATH"}
        unset.add("CUDA_VISIBLE_DEVICES")
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        environment |= {"SLURM_CONF": cluster, "PYTHON": sys.executable, **variables}
        command = ["sh", str(root / "slurm.sh"), *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def environments(done):
    """Of the processes, by rank."""
    assert done.returncode == 0, done.stderr
    found = [report["environment"] for report in probe.reports(done.stdout)]
    return sorted(found, key=lambda environment: int(environment["SLURM_PROCID"]))


def test_missing_arguments_get_the_usage(slurm):
    done = slurm("dev", "job")
    assert done.returncode == 1
    assert "bash slurm.sh PARTITION JOB CONFIG [WORK_DIR] [arguments of depthkit.train]\n" in done.stderr


def test_four_processes_on_two_nodes(slurm):
    done = slurm("dev", "night run", "a/b.py", "work dir", "--cfg-options", "x=1 2", GPUS_PER_NODE="2")
    found = environments(done)
    assert [one["SLURM_LOCALID"] for one in found] == ["0", "1", "0", "1"]
    assert [one["SLURMD_NODENAME"] for one in found] == ["n1", "n1", "n2", "n2"]
    for one in found:
        assert one["SLURM_JOB_NAME"] == "night run"
        assert one["SLURM_JOB_PARTITION"] == "dev"
        assert one["CUDA_VISIBLE_DEVICES"] == "0,1"
        assert one["SLURM_CPUS_PER_TASK"] == one["OMP_NUM_THREADS"] == "5"
    for report in probe.reports(done.stdout):
        options = ["--work-dir", "work dir", "--cfg-options", "x=1 2"]
        assert report["arguments"] == ["a/b.py", "--launcher", "slurm", *options]


def test_variables_choose_the_size(slurm):
    options = {"GPUS": "1", "CPUS_PER_TASK": "3", "SRUN_ARGS": "--nodelist=n2 --comment=x", "OMP_NUM_THREADS": "2"}
    done = slurm("dev", "job", "a.py", "", "--seed", "1", **options)  # no work dir
    (found,) = environments(done)
    assert [found[key] for key in ("CUDA_VISIBLE_DEVICES", "SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS")] == ["0", "3", "2"]
    assert found["SLURMD_NODENAME"] == "n2"
    (report,) = probe.reports(done.stdout)
    assert report["arguments"] == ["a.py", "--launcher", "slurm", "--seed", "1"]


def test_without_gpus(slurm):
    found = environments(slurm("dev", "job", "a.py", GPUS="3", GPUS_PER_NODE="0"))
    assert len(found) == 3
    assert all("SLURM_GPUS_ON_NODE" not in one for one in found)


def test_a_failing_process_takes_the_job_down(slurm):
    done = slurm("dev", "job", "a.py", "--wait", "--fail-on=1", GPUS="2", GPUS_PER_NODE="1")
    assert done.returncode != 0
    assert "task 1: Exited with exit code 7" in done.stderr


def test_two_nodes_train(slurm, tmp_path):
    # the nodes' names, n1 and n2, are not known to this machine
    variables = {"GPUS": "2", "GPUS_PER_NODE": "1", "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    config = os.path.relpath(probe.ROOT / "configs" / "quickstart.py", tmp_path)
    options = ("--cfg-options", *QUICK, "SyncBN=True")
    done = slurm("dev", "job", config, "run", *options, root=probe.ROOT, folder=tmp_path, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = (tmp_path / "run").glob("*.log")
    assert "processes  2, 1 threads each" in log.read_text()
    assert "Epoch [1][1/1]\tlr: " in log.read_text()
    assert (tmp_path / "run" / "epoch_1.pth").exists()
