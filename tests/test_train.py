"""The training command as users run it: its options, its errors, and what it leaves behind."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from depthkit import checkpoint
from depthkit.config import load_config
from depthkit.data.io import write_depth_png
from depthkit.train import main, parse_args, read_config

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}


def run(*command, folder=ROOT, **variables):
    environment = ENVIRONMENT | variables
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def depthkit_train(*arguments, **keywords):
    return run(sys.executable, "-m", "depthkit.train", *arguments, **keywords)


QUICK = ["data.samples_per_gpu=2", "data.workers_per_gpu=0", "data.train.num_images=4", "data.val.num_images=2"]
QUICK += ["data.train.height=32", "data.train.width=48", "data.val.height=32", "data.val.width=48"]
QUICK += ["runner.max_epochs=1", "log_config.interval=1", "custom_hooks.0.num_images=2"]


@pytest.mark.parametrize("module", ["train", "test", "infer", "synthesize", "check_data"])
def test_help_and_mistakes_do_not_import_torch(module):
    for arguments, code, words in ((["--help"], 0, "usage: python -m depthkit."), (["x", "--hlep"], 2, "error")):
        script = f"import runpy, sys\nsys.argv = ['x', *{arguments}]\n"
        script += f"try: runpy.run_module('depthkit.{module}', run_name='__main__')\n"
        script += "finally: print('torch' in sys.modules)"
        done = run(sys.executable, "-c", script)
        assert done.returncode == code
        assert words in done.stdout + done.stderr
        assert done.stdout.endswith("False\n")


def test_the_quickstart_runs_from_another_folder(tmp_path):
    config = str(ROOT / "configs" / "quickstart.py")
    done = depthkit_train(config, "--cfg-options", *QUICK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    work_dir = tmp_path / "work_dirs" / "quickstart"
    (log,) = work_dir.glob("*.log")
    text = log.read_text()
    for words in ("torch 2", "Seed ", "12.31 M parameters", "Epoch [1][2/2]", "the best constant depth map has"):
        assert words in text
    assert "\r" not in done.stdout + done.stderr  # no progress bar in a file
    assert load_config(work_dir / "quickstart.py").runner.max_epochs == 1
    names = {path.name for path in work_dir.iterdir()}
    assert {"epoch_1.pth", "latest.pth", "best_abs_rel_epoch_1.pth", "tf_logs", f"{log.name}.json"} <= names

    again = depthkit_train(config, "--cfg-options", *QUICK, folder=tmp_path)
    assert again.returncode == 1
    assert (
        "holds checkpoints of an earlier run, such as epoch_1.pth: go on from them with --resume-from auto"
        in again.stderr
    )


def test_options_override_the_config(tmp_path):
    config = tiny.write_config(tmp_path)
    arguments = ["--work-dir", "w", "--load-from", "l.pth", "--resume-from", "auto", "--seed", "7"]
    read = read_config(parse_args([str(config), *arguments, "--cfg-options", "seed=1", "optimizer.lr=2.0"]))
    assert (read.work_dir, read.load_from, read.resume_from, read.seed) == ("w", "l.pth", "auto", 7)
    assert read.optimizer.lr == 2.0


def test_a_drawn_seed_is_logged_and_kept(tmp_path):
    first, second = (tiny.build(tmp_path / name, "--no-validate", "--cfg-options", "seed=None") for name in "ab")
    assert first.seed != second.seed
    first.train()
    resumed = tiny.build(tmp_path / "a", "--no-validate", "--resume-from", "auto", "--cfg-options", "seed=None")
    assert resumed.seed == first.seed
    assert resumed.loader.dataset.seed == first.seed
    (log, *_) = sorted((tmp_path / "a" / "run").glob("*.log"))
    assert f"Seed {first.seed}" in log.read_text()


def test_the_same_seed_gives_the_same_weights(tmp_path):
    first, second = (tiny.train(tmp_path / name, "--no-validate") for name in "ab")
    third = tiny.train(tmp_path / "c", "--no-validate", "--seed", "4")
    weights = [runner.model.state_dict()["depth.0.weight"] for runner in (first, second, third)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_load_from_takes_the_weights_alone(tmp_path):
    trained = tiny.train(tmp_path / "trained", "--no-validate")
    file = str(trained.work_dir / "latest.pth")
    loaded = tiny.build(tmp_path / "fresh", "--load-from", file)
    assert (loaded.epoch, loaded.step) == (0, 0)
    expected = trained.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.model.state_dict().items())


def test_resume_auto_without_a_checkpoint_starts_afresh(tmp_path):
    runner = tiny.build(tmp_path, "--resume-from", "auto")
    assert runner.step == 0
    (log,) = runner.work_dir.glob("*.log")
    assert "There is no checkpoint in" in log.read_text()


def test_a_damaged_checkpoint_that_is_passed_over_stands_in_the_log(tmp_path):
    runner = tiny.train(tmp_path, "--no-validate")
    (tmp_path / "run" / "epoch_2.pth").write_bytes(b"damaged")
    for log in runner.work_dir.glob("*.log"):
        log.unlink()
    assert tiny.build(tmp_path, "--no-validate", "--resume-from", "auto").epoch == 1
    (log,) = runner.work_dir.glob("*.log")
    assert "epoch_2.pth is damaged or no checkpoint" in log.read_text()


def test_a_refused_start_leaves_no_log(tmp_path):
    runner = tiny.train(tmp_path, "--no-validate", "--cfg-options", "runner.max_epochs=1")
    for log in runner.work_dir.glob("*.log"):
        log.unlink()
    with pytest.raises(ValueError, match="holds checkpoints of an earlier run"):
        tiny.build(tmp_path)
    assert not list(runner.work_dir.glob("*.log"))


def test_no_validate_evaluates_nothing(tmp_path):
    text = "custom_hooks = [dict(type='ConstantBaselineHook', num_images=2)]\n"  # as in the quickstart
    runner = tiny.train(tmp_path, "--no-validate", text=text)
    assert runner.evaluate is None
    (log,) = runner.work_dir.glob("*.log.json")
    assert {json.loads(line)["mode"] for line in log.read_text().splitlines()[1:]} == {"train"}


def test_auto_scale_lr_is_linear_in_the_batch(tmp_path):
    plain = tiny.build(tmp_path / "a", "--no-validate")
    scaled = tiny.build(tmp_path / "b", "--no-validate", "--auto-scale-lr", "--cfg-options", "base_batch_size=8")
    assert scaled.schedule(3) == pytest.approx(plain.schedule(3) * 2 / 8)


def test_deterministic_works_without_a_seed(tmp_path):
    try:
        tiny.build(tmp_path, "--no-validate", "--deterministic", "--cfg-options", "seed=None")
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False


def test_checkpoints_hold_plain_types(tmp_path):
    runner = tiny.train(tmp_path)
    state = checkpoint.load(runner.work_dir / "latest.pth")
    assert set(state) == {"state_dict", "optimizer", "runner", "meta"}
    assert state["runner"]["seed"] == 3


WRONG = {
    "type name": ("model.type=TinyModle", "there is no model 'TinyModle'; did you mean 'TinyModel'"),
    "key": ("model.dropuot=1", "there is no key 'dropuot' in 'model'; did you mean 'dropout'"),
    "override": ("model.dropout", "the override 'model.dropout' has no '='; write it as a.b=value"),
    "criterion": ("criterion.loss_depth.type=Sig", "there is no model 'Sig'; did you mean 'SigLoss'"),
    "optimizer": ("optimizer.type=AdmaW", "there is no optimizer or schedule 'AdmaW'; did you mean 'AdamW'"),
    "policy": ("lr_config.policy=OneCycel", "there is no optimizer or schedule 'OneCycel'"),
    "protocol": ("data.val.protocol=ful", "there is no evaluation protocol 'ful'; did you mean 'full'"),
    "metric": ("evaluation.save_best=abs", "evaluation.save_best is 'abs'"),
    "hook": ("log_config.hooks.0.type=TextHook", "there is no hook 'TextHook'"),
    "dataset": ("data.train.type=Syntetic", "there is no dataset or transform 'Syntetic'"),
    "batch": ("data.samples_per_gpu=100", "25 training samples do not fill one batch of 1 x 100"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_gives_one_clear_error(tmp_path, case):
    option, message = WRONG[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny.build(tmp_path, "--cfg-options", option)


@pytest.mark.parametrize(
    ("local_rank", "said"), [("0", "depthkit.train: there is no config .*absent.py"), ("1", "^1$")]
)
def test_one_rank_of_a_host_tells_of_a_wrong_config(monkeypatch, local_rank, said):
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    with pytest.raises(SystemExit, match=said):
        main(["absent.py"])


def test_a_missing_dataset_says_where_and_what_to_do(tmp_path):
    options = ["pretrained=None", "data.train.data_root=absent", "data.workers_per_gpu=0"]
    config = str(ROOT / "configs" / "swin_nyu.py")
    done = depthkit_train(config, "--work-dir", "w", "--cfg-options", *options, folder=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "absent") in done.stderr
    assert "python -m depthkit.synthesize absent" in done.stderr


@pytest.fixture
def pairs(tmp_path):
    """Twenty pairs in NYU's layout, and a config that trains on them."""
    for i in range(20):
        Image.new("RGB", (32, 24), (10 * i, 0, 0)).save(tmp_path / f"{i}.png")
        write_depth_png(tmp_path / f"{i}d.png", np.full((24, 32), 0.1 * i + 1), scale=1000)
    (tmp_path / "split.txt").write_text("".join(f"{i}.png {i}d.png\n" for i in range(20)))
    train = dict(type="NYUDataset", data_root=str(tmp_path), split="split.txt", max_depth=10)
    text = f"data = dict(samples_per_gpu=2, workers_per_gpu=0, train=dict(_delete_=True, **{train}))\n"
    return tmp_path, tiny.write_config(tmp_path, text)


def wrong_type(folder):
    Image.new("L", (32, 24), 7).save(folder / "0d.png")


def all_invalid(folder):
    for i in range(20):
        write_depth_png(folder / f"{i}d.png", np.zeros((24, 32)), scale=1000)


def half_written(folder):
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])


@pytest.mark.parametrize(
    ("damage", "workers", "message"),
    [
        (wrong_type, 0, r"0d.png has 8 bits a channel \(mode L\); depth needs a 16-bit grey image"),
        (all_invalid, 0, r"no depth of 8 samples, such as .*0.png, lies in 0.001 to 10 m, the highest is 0 m"),
        (half_written, 0, r"Stopped in epoch 1, after \d steps: .*1.png cannot be read"),
        (half_written, 1, r"Stopped in epoch 1, after \d steps: ValueError: .*1.png cannot be read"),
    ],
)
def test_bad_files_give_one_clear_error(pairs, damage, workers, message, capsys):
    folder, config = pairs
    damage(folder)
    options = ["--work-dir", str(folder / "run"), "--no-validate", "--cfg-options", f"data.workers_per_gpu={workers}"]
    with pytest.raises(SystemExit) as stopped:
        main([str(config), *options])
    said = f"{capsys.readouterr().out}{stopped.value.code}"
    assert re.search(message, said)
    assert "Traceback" not in said
    (log,) = (folder / "run").glob("*.log")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("limit", [1, 2])
def test_bad_samples_are_left_out_up_to_a_limit(pairs, limit, capsys):
    folder, config = pairs
    half_written(folder)  # one of twenty, met once in each of two epochs
    options = ["--work-dir", str(folder / "run"), "--no-validate", "--cfg-options", f"data.max_bad_samples={limit}"]
    if limit == 2:
        main([str(config), *options, "data.workers_per_gpu=1"])
    else:
        with pytest.raises(SystemExit):
            main([str(config), *options])
    said = capsys.readouterr().out
    assert re.search(rf"WARNING - Bad sample 1 of at most {limit}, left out: .*1.png cannot be read", said)
    assert bool(re.search(r"WARNING - Bad sample 2 of at most 2, left out: .*1.png", said)) == (limit == 2)
    assert bool(re.search(r"more than data.max_bad_samples = 1 are bad. The last: .*1.png", said)) == (limit == 1)


DEADLY = """
import os as _os, signal as _signal
from depthkit.registry import DATA as _DATA

@_DATA.register
class _Deadly:
    def __call__(self, sample, rng):
        if sample.path.endswith("17.png"):
            _os.kill(_os.getpid(), _signal.SIGKILL)
        return sample

data["train"]["pipeline"] = [dict(type="_Deadly")]
data["workers_per_gpu"] = 1
"""


def test_a_worker_that_dies_is_named(pairs, capsys):
    folder, config = pairs
    config.write_text(config.read_text() + DEADLY)
    with pytest.raises(SystemExit):
        main([str(config), "--work-dir", str(folder / "run"), "--no-validate"])
    said = capsys.readouterr().out
    assert re.search(r"ERROR - Stopped in epoch 1, .*: a worker of the data loader died: .* no memory", said), said
    assert "Traceback" not in said
