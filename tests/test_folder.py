import logging
from pathlib import Path

import numpy as np
import pytest
import tiny  # noqa: F401  registers TinyModel
import torch
from layouts import image, write
from PIL import Image

from depthkit import check_data
from depthkit.config import load_config
from depthkit.data.folder import FolderDataset
from depthkit.data.io import write_depth_png
from depthkit.registry import DATA
from depthkit.train import main

CONFIGS = Path(__file__).parents[1] / "configs"
DEPTH = np.array([[0, 0.5, 2.25], [4, 8, 1]], np.float32)
PFM = b"Pf\n3 2\n-1.0\n" + DEPTH[::-1].astype("<f4").tobytes()


def save_npy(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


WRITERS = {
    "png": lambda path: write_depth_png(path, DEPTH, scale=1000),
    "npy": lambda path: np.save(path, 1000 * DEPTH[..., None]),
    "npz": lambda path: np.savez_compressed(path, anything=(1000 * DEPTH).astype(np.float64)),
    "tiff": lambda path: Image.fromarray(1000 * DEPTH).save(path),
    "pfm": lambda path: path.write_bytes(PFM.replace(DEPTH[::-1].tobytes(), (1000 * DEPTH[::-1]).tobytes())),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_kind_of_depth_file(tmp_path, suffix):
    image(tmp_path / "rgb/one/a name.jpg", (2, 3))
    (tmp_path / "depth/one").mkdir(parents=True)
    WRITERS[suffix](tmp_path / f"depth/one/a name.{suffix}")
    dataset = FolderDataset(data_root=str(tmp_path), max_depth=10, camera=(5, 6, 1, 2))
    sample = dataset.load(0)
    np.testing.assert_array_equal(sample.depth, DEPTH)
    assert sample.depth.dtype == np.float32
    assert sample.intrinsics.tolist() == [[5, 0, 1], [0, 6, 2], [0, 0, 1]]
    assert dataset.name(sample.path) == "rgb/one/a name"


def test_pairs_follow_from_names_never_from_order(tmp_path, caplog):
    """One image too many, one depth missing; names out of order, with blanks, dots and letters of any language."""
    names = ["10", "9", "a b.c", "größe", "night/1"]
    for place, name in enumerate(names):
        image(tmp_path / f"rgb/{name}.png", (2, 3))
        write_depth_png(tmp_path / f"depth/{name}.png", np.full((2, 3), 1.0 + place), scale=1000)
    image(tmp_path / "rgb/extra.png", (2, 3))
    write_depth_png(tmp_path / "depth/night/alone.png", DEPTH, scale=1000)
    dataset = FolderDataset(data_root=str(tmp_path), max_depth=10)
    with caplog.at_level(logging.WARNING):
        assert len(dataset) == 5
    for index in range(5):
        sample = dataset.load(index)
        assert sample.depth[0, 0] == 1 + names.index(dataset.name(sample.path).removeprefix("rgb/"))
    assert f"1 of 6 are images without a depth: {tmp_path / 'rgb/extra.png'}" in caplog.text
    assert f"1 of 6 are depths without an image: {tmp_path / 'depth/night/alone.png'}" in caplog.text


def test_no_pair_at_all_says_what_was_looked_for(tmp_path):
    image(tmp_path / "rgb/a.png", (2, 3))
    write_depth_png(tmp_path / "depth/a_depth.png", DEPTH, scale=1000)
    with pytest.raises(
        ValueError, match=r"rgb/\*\*/\*.\* finds 1 files and depth/\*\*/\*.\* 1, of which no two stand for"
    ):
        len(FolderDataset(data_root=str(tmp_path), max_depth=10))
    assert len(FolderDataset(data_root=str(tmp_path), max_depth=10, depths="depth/**/*_depth.png")) == 1
    with pytest.raises(FileNotFoundError, match="there is no folder .*absent: data_root should hold"):
        len(FolderDataset(data_root=str(tmp_path / "absent"), max_depth=10))


def test_a_list_of_pairs(tmp_path):
    image(tmp_path / "my photos/1.png", (2, 3))
    write_depth_png(tmp_path / "d.png", DEPTH, scale=1000)
    (tmp_path / "pairs.txt").write_text('"my photos/1.png" d.png 500.5\n', "utf-8-sig")
    dataset = FolderDataset(data_root=str(tmp_path), split="pairs.txt", max_depth=10)
    assert len(dataset) == 1
    np.testing.assert_array_equal(dataset.load(0).depth, DEPTH)
    assert dataset.load(0).intrinsics.tolist() == [[500.5, 0, 1], [0, 500.5, 0.5], [0, 0, 1]]
    write(tmp_path / "bare.txt", '"my photos/1.png" d.png\n')
    assert FolderDataset(data_root=str(tmp_path), split="bare.txt", max_depth=10).load(0).intrinsics is None
    write(tmp_path / "mixed.txt", '"my photos/1.png" d.png\n"my photos/1.png" d.png 500.5\n')
    with pytest.raises(ValueError, match="mixed.txt has lines with a focal length and lines without: give all"):
        len(FolderDataset(data_root=str(tmp_path), split="mixed.txt", max_depth=10))


def test_where_a_mask_is_0_depth_is_not_measured_whatever_it_is(tmp_path):
    image(tmp_path / "rgb/a.png", (2, 3))
    save_npy(tmp_path / "depth/a.npy", np.array([[np.nan, np.inf, 1], [2, 3, 4]]))
    save_npy(tmp_path / "mask/a.npy", np.array([[0, 0, 1], [1, 0, 1]]))
    dataset = FolderDataset(data_root=str(tmp_path), masks="mask/**/*.npy", depth_scale=1, max_depth=10)
    assert dataset.load(0).depth.tolist() == [[0, 0, 1], [2, 0, 4]]
    save_npy(tmp_path / "mask/a.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"mask/a.npy has \(3, 3\) pixels, its depth \(2, 3\)"):
        dataset.load(0)


def build(name, split, root):
    """The dataset of a base config, found in `root` instead of data/."""
    text = (CONFIGS / "_base_/datasets" / f"{name}.py").read_text().replace("data/", f"{root}/")
    return DATA.build(load_config(write(root / "configs" / f"{name}.py", text)).data[split])


def test_virtual_kitti_2(tmp_path):
    for scene in ("Scene01", "Scene18", "Scene20"):
        for place in (0, 1):
            folder = tmp_path / "vkitti2" / scene / "clone/frames"
            image(folder / f"rgb/Camera_0/rgb_{place:05d}.jpg", (375, 1242))
            path = folder / f"depth/Camera_0/depth_{place:05d}.png"
            write_depth_png(path, np.where(np.arange(1242) < 600, 12.34, 655.35)[None].repeat(375, 0), scale=100)
    train, val = build("vkitti2", "train", tmp_path), build("vkitti2", "val", tmp_path)
    assert (len(train), len(val)) == (4, 2)
    assert train[0, 3]["image"].shape == (3, 352, 704)
    assert val[0, 0]["depth"].unique().tolist() == [0, np.float32(12.34)]  # sky is not measured
    assert val[0, 0]["intrinsics"][0, 0] == pytest.approx(725.0087)


def test_hypersim(tmp_path):
    image(tmp_path / "hypersim/val/ai_001_010/rgb_cam_00_fr0000.png", (768, 1024))
    write_depth_png(
        tmp_path / "hypersim/val/ai_001_010/depth_plane_cam_00_fr0000.png", np.full((768, 1024), 3.217), scale=1000
    )
    dataset = build("hypersim", "val", tmp_path)
    assert dataset[0, 0]["depth"].unique().tolist() == [np.float32(3.217)]


def test_diode(tmp_path):
    folder = tmp_path / "diode/val/indoors/scene_00019/scan_00183"
    image(folder / "00019_00183_indoors_000_010.png", (768, 1024))
    depth = np.full((768, 1024, 1), 7.5, np.float32)
    save_npy(folder / "00019_00183_indoors_000_010_depth.npy", depth)
    save_npy(folder / "00019_00183_indoors_000_010_depth_mask.npy", (np.arange(1024) < 512)[None].repeat(768, 0) * 1.0)
    sample = build("diode", "val", tmp_path)[0, 0]
    assert sample["depth"][0, 0, 511:513].tolist() == [7.5, 0]


def test_your_own_folder_after_three_lines(tmp_path, capsys, monkeypatch):
    """configs/custom.py with three lines changed trains, and check_data tells what is there."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for split in ("train", "val"):
        for place in range(6):
            image(tmp_path / split / f"rgb/room {place}.jpg", (480, 640))
            write_depth_png(tmp_path / split / f"depth/room {place}.png", np.full((480, 640), 1.5), scale=5000)
        (tmp_path / split / "depth/room 3.png").unlink()
    image(tmp_path / "train/rgb/extra.jpg", (480, 640))
    text = (CONFIGS / "custom.py").read_text()
    for old, new in (
        ('_root = "data/custom"', f'_root = "{tmp_path}"'),
        ("_depth_scale = 1000", "_depth_scale = 5000"),
        ("_max_depth = 10 ", "_max_depth = 3 "),
    ):
        assert old in text
        text = text.replace(old, new)
    config = write(tmp_path / "mine.py", text.replace('"_base_/', f'"{CONFIGS}/_base_/'))
    with pytest.raises(SystemExit) as ended:
        check_data.main([str(config), "--workers", "0"])
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "train: 5 pairs, 0 with a fault" in said
    assert "train: 2 of 7 are images without a depth: " in said
    small = [
        "model={'type': 'TinyModel', 'dropout': 0.0}",
        "pretrained=None",
        "data.samples_per_gpu=1",
        "data.workers_per_gpu=0",
    ]
    small += ["runner.max_epochs=1", "log_config.interval=1", "log_config.hooks=[{'type':'TextLoggerHook'}]"]
    main([str(config), "--work-dir", str(tmp_path / "run"), "--cfg-options", *small])
    assert torch.load(tmp_path / "run/epoch_1.pth", weights_only=True)["runner"]["step"] == 5


def test_a_list_has_no_masks():
    with pytest.raises(ValueError, match="the pairs of split='pairs.txt' have no masks: leave out masks='mask/"):
        FolderDataset(data_root=".", split="pairs.txt", masks="mask/*.png", max_depth=10)
