"""The test command: from files to a table, in one process and through launch.sh."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import depthkit.models  # noqa: F401  fills the registry
from depthkit import test as command
from depthkit.config import load_config
from depthkit.data.io import read_array, read_depth, read_image, write_depth_png
from depthkit.registry import MODELS

ROOT = Path(__file__).parents[1]
CONFIG = """
_base_ = "{quickstart}"
_pairs = dict(type="NYUDataset", data_root="{folder}", split="split.txt", max_depth=12, protocol="full")
data = dict(samples_per_gpu=4, workers_per_gpu=0, test=dict(_delete_=True, **_pairs))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Eleven pairs of two sizes, one of them without depth, depths of two sizes; a config, and random weights."""
    folder = tmp_path_factory.mktemp("pairs")
    rng, lines = np.random.default_rng(0), []
    (folder / "room").mkdir()
    for i in range(11):
        size, depth_size = ((48, 64), (40, 70))[i % 2], ((48, 64), (24, 32), (60, 60))[i % 3]
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"room/{i}.png")
        depth = rng.uniform(0.5, 9, depth_size) * (rng.random(depth_size) < 0.6) * (i != 5)
        write_depth_png(folder / f"room/{i}_depth.png", depth, scale=1000)
        lines.append(f"room/{i}.png room/{i}_depth.png")
    (folder / "split.txt").write_text("\n".join(lines))
    config = folder / "pairs.py"
    config.write_text(CONFIG.format(quickstart=ROOT / "configs" / "quickstart.py", folder=folder))
    torch.manual_seed(0)
    model = MODELS.build(load_config(config).model)
    (folder / "run").mkdir()
    torch.save({"state_dict": model.state_dict()}, folder / "run" / "best_abs_rel_epoch_3.pth")
    return folder, config


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def run(trained, *options, split="full"):
    """What the file of results says."""
    folder, config = trained
    command.main([str(config), "--work-dir", str(folder / "run"), *options])
    return json.loads((folder / "run" / f"best_abs_rel_epoch_3_test_{split}.json").read_text())


def close(results, expected):
    assert (results["num_images"], results["num_skipped"]) == (expected["num_images"], expected["num_skipped"])
    assert results["metrics"] == pytest.approx(expected["metrics"], rel=1e-5)
    for row, other in zip(results["ranges"], expected["ranges"], strict=True):
        assert row == pytest.approx(other, rel=1e-5)


def test_batches_and_processes_do_not_matter(trained, capsys):
    folder, config = trained
    expected = run(trained)
    said = capsys.readouterr().out
    assert (expected["num_images"], expected["num_skipped"]) == (10, 1)
    for words in (
        "boundary_f1",
        "protocol:  full",
        "alignment: none, depth is metric",
        "10, and 1 skipped",
        "0 to 2 m",
    ):
        assert words in said
    close(run(trained, "--cfg-options", "data.samples_per_gpu=1"), expected)
    for processes in (2, 3):
        started = ["sh", str(ROOT / "launch.sh"), str(config), str(processes), "--work-dir", str(folder / "run")]
        environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "COMMAND": "test"}
        out = folder / f"out{processes}"
        started += [str(folder / "run" / "best_abs_rel_epoch_3.pth"), "--out", str(out)]
        done = subprocess.run(started, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("protocol:") == 1
        close(json.loads((folder / "run" / "best_abs_rel_epoch_3_test_full.json").read_text()), expected)
        assert sorted(path.name for path in out.rglob("*.*")) == sorted(f"{i}.png" for i in range(11))


def test_predictions_pictures_and_ensembles(trained, tmp_path):
    folder, _ = trained
    plain = run(trained, "--out", str(tmp_path / "png"), "--show-dir", str(tmp_path / "show"))
    run(trained, "--out", str(tmp_path / "npz"), "--npz")
    for i in range(11):
        exact = read_array(tmp_path / "npz" / "room" / f"{i}.npz")
        assert exact.shape == read_depth(folder / f"room/{i}_depth.png", 1000).shape
        assert abs(read_depth(tmp_path / "png" / "room" / f"{i}.png", 1000) - exact).max() < 0.00051
        height, width, _ = read_image(folder / f"room/{i}.png").shape
        assert read_image(tmp_path / "show" / "room" / f"{i}.png").shape == (height, 4 * width, 3)
    # a folder of twice the depth: the mean is 1.5 times it, which a scale undoes
    for file in (tmp_path / "npz").rglob("*.npz"):
        double = tmp_path / "double" / "room" / file.name
        double.parent.mkdir(parents=True, exist_ok=True)
        np.savez(double, depth=2 * read_array(file))
    folders = ["--ensemble", str(tmp_path / "npz"), str(tmp_path / "double")]
    for align, other in (("none", False), ("scale", True)):
        run(trained, *folders, "--align", align, "--out", str(tmp_path / "mean"), "--npz")
        kind = {"none": "full", "scale": "full_scale"}[align]
        ensemble = json.loads((folder / "run" / f"ensemble_test_{kind}.json").read_text())
        aligned = run(trained, "--align", align, split=kind)
        same = ensemble["metrics"]["abs_rel"] == pytest.approx(aligned["metrics"]["abs_rel"], rel=1e-4)
        assert same == other
    assert ensemble["flip"] == "as the predictions were made"
    mean = read_array(tmp_path / "mean" / "room" / "3.npz")
    np.testing.assert_allclose(mean, 1.5 * read_array(tmp_path / "npz" / "room" / "3.npz"), rtol=1e-5)
    assert plain["metrics"]["abs_rel"] > 0


def test_a_submission_has_the_benchmarks_scale_and_no_score(trained, tmp_path, capsys):
    folder, config = trained
    command.main([str(config), "--work-dir", str(folder / "run"), "--format-only", str(tmp_path / "submit")])
    assert "abs_rel" not in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "submit").iterdir()) == sorted(f"{i}.png" for i in range(11))
    run(trained, "--out", str(tmp_path / "npz"), "--npz")
    submitted = np.asarray(Image.open(tmp_path / "submit" / "4.png"))
    exact = read_array(tmp_path / "npz" / "room" / "4.npz")
    np.testing.assert_array_equal(submitted, np.rint(exact * np.float32(256)))


def test_options_change_what_is_scored(trained):
    plain, pixel = run(trained), run(trained, "--average", "pixel", split="full_pixel")
    assert plain["cap"] == "0.001 < depth < 12 m"  # that of the rooms
    assert plain["averaging"] != pixel["averaging"]
    assert plain["metrics"]["rmse"] != pixel["metrics"]["rmse"]
    near = run(trained, "--protocol", "sunrgbd", split="sunrgbd")
    assert near["cap"] == "0.001 < depth < 8 m"
    windows = run(trained, "--window", "32", "48", split="full_32x48")
    assert windows["window"] == "32x48"
    assert windows["metrics"]["abs_rel"] != plain["metrics"]["abs_rel"]


def test_nothing_is_written_outside_the_folder_or_over_another_file(trained, tmp_path):
    assert command.file_for(Path("out"), "../data/rgb/a.b", ".png") == Path("out/data/rgb/a.b.png")
    assert command.file_for(Path("out"), "/data/a", ".npz") == Path("out/data/a.npz")
    folder, config = trained
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    arguments = [str(config), "--work-dir", str(folder / "run")]
    with pytest.raises(SystemExit, match=r"room/0.png is the image itself: choose another folder"):
        command.main([*arguments, "--out", str(folder)])
    assert before == {path: path.read_bytes() for path in folder.rglob("*.png")}
    with pytest.raises(SystemExit, match=r"would be written for .*0.png and for .*0.png: choose other folders"):
        command.main([*arguments, "--out", str(tmp_path / "b"), "--show-dir", str(tmp_path / "b")])


@pytest.mark.parametrize("change", ["data = dict(test=dict(depth_scale=1))", "model = dict(max_depth=80)"])
def test_predictions_that_a_png_does_not_hold_ask_for_npz(trained, tmp_path, change):
    _, config = trained
    (tmp_path / "other.py").write_text(f"_base_ = {str(config)!r}\n{change}\n")
    with pytest.raises(SystemExit, match="a 16-bit PNG of metres times .* does not hold .*: add --npz"):
        command.main([str(tmp_path / "other.py"), "absent.pth", "--out", str(tmp_path / "out")])


def test_mistakes_give_one_clear_error(trained, tmp_path):
    _, config = trained
    for arguments, message in (
        (["--window", "0", "64"], "--window 0 64: it takes numbers above 0"),
        (["--window", "64", "64", "--ensemble", "a"], "--window is for a model"),
        (["--npz"], "--npz says how --out writes"),
        (["--work-dir", str(tmp_path / "empty")], "there is no checkpoint in .*empty: name one"),
        (["absent.pth"], "there is no checkpoint absent.pth"),
        (["--protocol", "kitti"], "no evaluation protocol 'kitti'; did you mean 'kitti_"),
        (["--split", "test", "--cfg-options", "data.test={}"], "data.test is empty"),
        (["--protocol", "nyu_eigen", "--work-dir", str(trained[0] / "run")], "made for depth maps of 480 x 640"),
        (["--ensemble", str(tmp_path / "none")], "there is no file .*none/room/0.png"),
    ):
        with pytest.raises(SystemExit, match=message):
            command.main([str(config), *arguments])


def test_aligned_runs_leave_the_metric_runs_file_and_every_number_is_one(trained):
    plain = run(trained)
    for align in ("scale", "scale_shift"):
        aligned = run(trained, "--align", align, split=f"full_{align}")
        assert None not in aligned["metrics"].values()
    assert run(trained, "--align", "none") == plain
    text = (trained[0] / "run" / "best_abs_rel_epoch_3_test_full.json").read_text()
    assert "Infinity" not in text
    assert plain["ranges"][-1]["to"] is None or plain["ranges"][-1]["to"] < 80


def test_another_model_than_the_checkpoints_is_refused(trained, tmp_path, capsys):
    folder, config = trained
    weights = torch.load(folder / "run" / "best_abs_rel_epoch_3.pth")
    torch.save({**weights, "meta": {"config": load_config(config).plain()}}, tmp_path / "own.pth")
    arguments = [str(config), str(tmp_path / "own.pth"), "--work-dir", str(tmp_path)]
    command.main(arguments)
    assert "protocol:" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="trained as another model .*: use the config .* model.max_depth: 12 -> 80$"):
        command.main([*arguments, "--cfg-options", "model.max_depth=80"])


def test_a_set_without_depth_wants_something_written(trained, tmp_path):
    folder, config = trained
    text = f"data = dict(test=dict(type='KITTIBenchmarkTest', _delete_=True, data_root='{tmp_path}', max_depth=88))"
    (tmp_path / "image").mkdir()
    Image.new("RGB", (64, 48)).save(tmp_path / "image" / "0.png")
    (tmp_path / "blind.py").write_text(f"_base_ = {str(config)!r}\n{text}")
    with pytest.raises(SystemExit, match="no depth to score with: ask for --out, --format-only or --show-dir"):
        command.main([str(tmp_path / "blind.py"), str(folder / "run" / "best_abs_rel_epoch_3.pth")])
